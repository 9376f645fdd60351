//! `mutate [--count N] [--reader NAME] [--seeds FOLDER] [--file FILE] [--index N]`: changed files for every reader, and what became of them.
//!
//! Each reader runs in a process of its own, which an abort ends; the next one goes on with the next file. `--seeds` writes the seeds of
//! every reader instead, as libFuzzer takes them; `--file` gives one file to `--reader`, with the message of a panic, and `--index` keeps
//! one changed file.

mod counting;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use segspec_fuzz::{READERS, Reader, dress, mutate, reader, scratch, seeds};

/// A file that takes longer is a fault.
const LONGEST: Duration = Duration::from_secs(10);

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

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
    if let Some(file) = arguments.get("--file") {
        return READERS.iter().filter(chosen).for_each(|reader| one(reader, Path::new(file)));
    }
    if arguments.contains_key("--index") {
        return READERS.iter().filter(chosen).for_each(|reader| keep(reader, "index", number("--index", 0)));
    }
    println!(
        "{:<10} {:>6} {:>8} {:>8} {:>8} {:>8} {:>6} {:>9} {:>10} {:>8} {:>8} {:>7}",
        "reader",
        "seeds",
        "files",
        "read",
        "refused",
        "crashes",
        "hangs",
        "slowest",
        "peak",
        "of size",
        "times",
        "seconds"
    );
    let faults: u64 = READERS.iter().filter(chosen).map(|reader| all(reader, number("--count", 100_000))).sum();
    std::process::exit(i32::from(faults > 0));
}

/// Gives one file to a reader.
fn one(reader: &Reader, file: &Path) {
    let before = counting::begin();
    let start = Instant::now();
    let read = (reader.read)(file);
    println!("{}: read: {read}, {:?}, {} bytes", reader.name, start.elapsed(), counting::peak(before));
}

/// Small seeds only: libFuzzer gives thousands of inputs a second of small files, dozens of large ones.
const MOST_SEEDS: usize = 100;

fn write_seeds(reader: &Reader, folder: &Path) {
    let folder = folder.join(reader.name);
    std::fs::create_dir_all(&folder).expect("a folder for seeds");
    let mut inputs: Vec<Vec<u8>> = seeds::of(reader).iter().map(dress::Seed::input).collect();
    // Changes of compressed files end at the checksum.
    inputs.sort_by_key(|input| (input.starts_with(&[0x1f, 0x8b]), input.len()));
    for (index, input) in inputs.iter().take(MOST_SEEDS).enumerate() {
        std::fs::write(folder.join(format!("{index:04}")), input).expect("a seed");
    }
}

/// What became of the files of one reader.
#[derive(Default)]
struct Tally {
    files: u64,
    read: u64,
    crashes: u64,
    /// Panics of foreign decoders that the reader caught.
    caught: u64,
    hangs: u64,
    /// Files that took more memory than the reader may.
    greedy: u64,
    slowest_ms: u64,
    peak: u64,
    /// Size of the file with the peak.
    peak_of: u64,
    /// The largest multiple of a file's size that was taken beyond what the reader may take of any file.
    times: u64,
}

impl Tally {
    /// As a child tells it, and the number of the next file.
    fn line(&self, next: u64) -> String {
        let Self { files, read, crashes, caught, greedy, slowest_ms, peak, peak_of, times, .. } = self;
        format!("{next} {files} {read} {crashes} {caught} {greedy} {slowest_ms} {peak} {peak_of} {times}")
    }

    /// Adds a line of a child; returns the number of the next file.
    fn add(&mut self, line: &str) -> u64 {
        let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let &[next, files, read, crashes, caught, greedy, slowest_ms, peak, peak_of, times] = numbers.as_slice() else {
            return 0;
        };
        self.files += files;
        self.read += read;
        self.crashes += crashes;
        self.caught += caught;
        self.greedy += greedy;
        self.slowest_ms = self.slowest_ms.max(slowest_ms);
        self.times = self.times.max(times);
        self.peak(peak, peak_of);
        next
    }

    fn peak(&mut self, peak: u64, of: u64) {
        if peak > self.peak {
            (self.peak, self.peak_of) = (peak, of);
        }
    }

    fn print(&self, name: &str, seeds: usize, start: Instant) {
        let Self { files, read, crashes, caught, hangs, greedy, slowest_ms, peak, peak_of, times } = self;
        println!(
            "{name:<10} {seeds:>6} {files:>8} {read:>8} {:>8} {:>8} {hangs:>6} {slowest_ms:>6} ms {:>7.1} MB {:>8} {times:>8} {:>7.0}{}",
            files - read,
            crashes + greedy,
            *peak as f64 / 1e6,
            format!("{peak_of} B"),
            start.elapsed().as_secs_f64(),
            if *caught > 0 { format!("  (panics of decoders, caught: {caught})") } else { String::new() }
        );
    }
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
            from = from.max(tally.add(line));
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
    tally.print(reader.name, seeds::of(reader).len(), start);
    tally.crashes + tally.hangs + tally.greedy
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
            let tally = Tally { files: 1, slowest_ms: LONGEST.as_millis() as u64, ..Tally::default() };
            println!("{}", tally.line(current));
            std::process::exit(HANG);
        }
    }
}

/// Panics in this child, caught or not.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Reads files and prints what became of them in hundreds, or of `each`.
fn child(reader: &'static Reader, files: Range<u64>, each: bool) {
    std::panic::set_hook(Box::new(|_| _ = PANICS.fetch_add(1, Relaxed)));
    let seeds = seeds::of(reader);
    let path = scratch(reader.name);
    let (began, end) = (Instant::now(), files.end);
    std::thread::spawn(move || watch(reader, began));
    let mut tally = Tally::default();
    for index in files {
        let file = mutate::file(&seeds, index);
        std::fs::write(&path, &file).expect("a file");
        CURRENT.store(index, Relaxed);
        print_progress(index, &mut tally, each || index % 100 == 0);
        STARTED_MS.store(began.elapsed().as_millis() as u64, Relaxed);
        give(reader, &path, file.len() as u64, &mut tally);
        STARTED_MS.store(u64::MAX, Relaxed);
    }
    print_progress(end, &mut tally, true);
    let _ = std::fs::remove_file(path);
}

/// Gives the current file to a reader.
fn give(reader: &Reader, path: &Path, size: u64, tally: &mut Tally) {
    let (before, panics) = (counting::begin(), PANICS.load(Relaxed));
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| (reader.read)(path)));
    let peak = counting::peak(before);
    tally.files += 1;
    tally.read += u64::from(*outcome.as_ref().unwrap_or(&false));
    tally.slowest_ms = tally.slowest_ms.max(start.elapsed().as_millis() as u64);
    let [floor, factor] = reader.memory;
    tally.times = tally.times.max(peak.saturating_sub(floor).div_ceil(size.max(1)));
    tally.peak(peak, size);
    tally.caught += PANICS.load(Relaxed) - panics - u64::from(outcome.is_err());
    let index = CURRENT.load(Relaxed);
    if outcome.is_err() {
        tally.crashes += 1;
        keep(reader, "panic", index);
    }
    if peak > floor + factor * size {
        tally.greedy += 1;
        keep(reader, "memory", index);
    }
}

fn print_progress(next: u64, tally: &mut Tally, now: bool) {
    if now {
        println!("{}", std::mem::take(tally).line(next));
    }
}
