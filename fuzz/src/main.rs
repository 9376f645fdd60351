//! `mutate [--count N] [--reader NAME] [--seeds FOLDER]`: changed files for every reader, and what became of them.
//!
//! Each reader runs in a process of its own, which an abort ends; the next one goes on with the next file. `--seeds` writes the seeds of
//! every reader instead, as libFuzzer takes them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use segspec_fuzz::{READERS, Reader, mutate, reader, scratch, seeds};

/// A file that takes longer is a fault.
const LONGEST: Duration = Duration::from_secs(10);

/// Counts the bytes that are asked for, so that memory which is reserved and never touched counts as well.
struct Counting;

static TAKEN: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = TAKEN.fetch_add(layout.size() as u64, Relaxed) + layout.size() as u64;
        PEAK.fetch_max(taken, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let taken = TAKEN.fetch_add(layout.size() as u64, Relaxed) + layout.size() as u64;
        PEAK.fetch_max(taken, Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let mut arguments = BTreeMap::new();
    let mut words = std::env::args().skip(1);
    while let Some(key) = words.next() {
        arguments.insert(key, words.next().unwrap_or_default());
    }
    let number = |key: &str, usual: u64| arguments.get(key).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let chosen = |it: &&Reader| arguments.get("--reader").is_none_or(|name| it.name == name);
    if let Some(name) = arguments.get("--child") {
        let (from, count, each) = (number("--from", 0), number("--count", 100_000), number("--each", 0) == 1);
        return child(reader(name).expect("a reader"), from..count, each);
    }
    if let Some(folder) = arguments.get("--seeds") {
        return READERS.iter().filter(chosen).for_each(|reader| write_seeds(reader, Path::new(folder)));
    }
    println!(
        "{:<10} {:>6} {:>8} {:>8} {:>8} {:>6} {:>9} {:>10} {:>8} {:>7}",
        "reader", "seeds", "files", "read", "crashes", "hangs", "slowest", "peak", "of size", "seconds"
    );
    let faults: u64 = READERS.iter().filter(chosen).map(|reader| all(reader, number("--count", 100_000))).sum();
    std::process::exit(i32::from(faults > 0));
}

fn write_seeds(reader: &Reader, folder: &Path) {
    let folder = folder.join(reader.name);
    std::fs::create_dir_all(&folder).expect("a folder for seeds");
    for (index, seed) in seeds::of(reader).iter().enumerate() {
        std::fs::write(folder.join(format!("{index:04}")), seed.input()).expect("a seed");
    }
}

/// What became of the files of one reader.
#[derive(Default)]
struct Tally {
    files: u64,
    read: u64,
    crashes: u64,
    hangs: u64,
    /// Files that took more memory than the reader may.
    greedy: u64,
    slowest_ms: u64,
    peak: u64,
    /// Size of the file with the peak.
    peak_of: u64,
}

/// Runs all files of a reader; returns the number of faults.
fn all(reader: &Reader, count: u64) -> u64 {
    let start = Instant::now();
    // After an abort, the same files again, each told beforehand, name the one that did it.
    let (mut tally, mut from, mut careful) = (Tally::default(), 0, false);
    while from < count {
        let [first, last, each] = [from, count, u64::from(careful)].map(|number| number.to_string());
        let arguments = ["--child", reader.name, "--from", &first, "--count", &last, "--each", &each];
        let itself = std::env::current_exe().expect("this program");
        let output = Command::new(itself).args(arguments).stderr(Stdio::inherit()).output().expect("a child");
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            from = from.max(add(&mut tally, line));
        }
        let hang = output.status.code() == Some(HANG);
        if hang {
            tally.hangs += 1;
        } else if !output.status.success() && careful {
            tally.crashes += 1;
            keep(reader, "abort", from);
        }
        if hang || (!output.status.success() && careful) {
            from += 1;
        }
        careful = !output.status.success() && !hang && !careful;
    }
    let Tally { files, read, crashes, hangs, greedy, slowest_ms, peak, peak_of } = tally;
    let seeds = seeds::of(reader).len();
    println!(
        "{:<10} {seeds:>6} {files:>8} {read:>8} {:>8} {hangs:>6} {slowest_ms:>6} ms {:>7.1} MB {:>8} {:>7.0}",
        reader.name,
        crashes + greedy,
        peak as f64 / 1e6,
        format!("{peak_of} B"),
        start.elapsed().as_secs_f64()
    );
    crashes + hangs + greedy
}

/// Adds a line of a child; returns the number of the file after its last one.
fn add(tally: &mut Tally, line: &str) -> u64 {
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let &[next, files, read, crashes, greedy, slowest_ms, peak, peak_of] = numbers.as_slice() else { return 0 };
    tally.files += files;
    tally.read += read;
    tally.crashes += crashes;
    tally.greedy += greedy;
    tally.slowest_ms = tally.slowest_ms.max(slowest_ms);
    if peak > tally.peak {
        (tally.peak, tally.peak_of) = (peak, peak_of);
    }
    next
}

/// Writes a file that broke a reader to `found/`.
fn keep(reader: &Reader, what: &str, index: u64) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("found");
    let bytes = mutate::file(&seeds::of(reader), index);
    let path = folder.join(format!("{}-{what}-{index}", reader.name));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, bytes));
    eprintln!(
        "{}: {what}: {} {}",
        reader.name,
        path.display(),
        written.err().map_or(String::new(), |it| it.to_string())
    );
}

/// Exit code of a child that a file took too long in.
const HANG: i32 = 3;

/// The file that is being read, and since when: milliseconds of the child, or none.
static CURRENT: AtomicU64 = AtomicU64::new(0);
static STARTED_MS: AtomicU64 = AtomicU64::new(u64::MAX);

/// Ends the child where a file takes too long.
fn watch(reader: &'static Reader, began: Instant) {
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let started = STARTED_MS.load(Relaxed);
        if started != u64::MAX && began.elapsed() > Duration::from_millis(started) + LONGEST {
            let current = CURRENT.load(Relaxed);
            keep(reader, "hang", current);
            println!("{current} 1 0 0 0 {} 0 0", LONGEST.as_millis());
            std::process::exit(HANG);
        }
    }
}

/// Reads files and prints what became of them in hundreds, or of `each`.
fn child(reader: &'static Reader, files: Range<u64>, each: bool) {
    std::panic::set_hook(Box::new(|_| {}));
    let seeds = seeds::of(reader);
    let path = scratch(reader.name);
    let (began, end) = (Instant::now(), files.end);
    std::thread::spawn(move || watch(reader, began));
    let mut tally = Tally::default();
    for index in files {
        let file = mutate::file(&seeds, index);
        let size = file.len() as u64;
        std::fs::write(&path, &file).expect("a file");
        drop(file);
        CURRENT.store(index, Relaxed);
        print_progress(index, &mut tally, each || index % 100 == 0);
        let before = TAKEN.load(Relaxed);
        PEAK.store(before, Relaxed);
        STARTED_MS.store(began.elapsed().as_millis() as u64, Relaxed);
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (reader.read)(&path)));
        STARTED_MS.store(u64::MAX, Relaxed);
        let peak = PEAK.load(Relaxed).saturating_sub(before);
        tally.files += 1;
        tally.read += u64::from(*outcome.as_ref().unwrap_or(&false));
        tally.slowest_ms = tally.slowest_ms.max(start.elapsed().as_millis() as u64);
        if peak > tally.peak {
            (tally.peak, tally.peak_of) = (peak, size);
        }
        if outcome.is_err() {
            tally.crashes += 1;
            keep(reader, "panic", index);
        }
        let [floor, factor] = reader.memory;
        if peak > floor + factor * size {
            tally.greedy += 1;
            keep(reader, "memory", index);
        }
    }
    print_progress(end, &mut tally, true);
    let _ = std::fs::remove_file(path);
}

fn print_progress(next: u64, tally: &mut Tally, now: bool) {
    if now {
        let Tally { files, read, crashes, greedy, slowest_ms, peak, peak_of, .. } = std::mem::take(tally);
        println!("{next} {files} {read} {crashes} {greedy} {slowest_ms} {peak} {peak_of}");
    }
}
