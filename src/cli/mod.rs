//! The command line: one file per subcommand. Only this folder and `observe::terminal` write to the terminal.

mod bench;
mod browser;
mod check;
mod compare;
mod completions;
mod convert;
mod convert_dataset;
mod dataset;
mod doctor;
mod evaluate;
mod exit;
mod explain;
mod import;
mod init;
mod export;
mod inspect;
mod logs;
mod ls;
mod marks;
mod names;
mod new;
mod pack;
mod pacs;
mod phantom;
mod predict;
mod prepare;
mod preview;
mod rank;
mod report;
mod reproduce;
mod rm;
mod run;
mod run_plan;
mod schema;
mod serve;
mod session;
mod several;
mod show;
mod status;
mod sweep;
mod top;
mod track;
mod warm;
mod watch;

use clap::{Parser, Subcommand};

pub use exit::{Exit, Failure};
pub use names::parse;

/// Run medical image segmentation experiments, each declared in a TOML file: preprocess, train, predict, score, report
#[derive(Debug, Parser)]
#[command(name = "segspec", version, about, long_about = None, after_help = exit::HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    RunPlan(run_plan::RunPlan),
    Check(check::Check),
    Watch(watch::Watch),
    Show(show::Show),
    Prepare(prepare::Prepare),
    Preview(preview::Preview),
    Predict(predict::Predict),
    Evaluate(evaluate::Evaluate),
    Report(report::Report),
    Rank(rank::Rank),
    Compare(compare::Compare),
    Explain(explain::Explain),
    Export(export::Export),
    Reproduce(reproduce::Reproduce),
    Pack(pack::Pack),
    Sweep(sweep::Sweep),
    Serve(serve::Serve),
    Pacs(pacs::Arguments),
    Import(import::Import),
    Inspect(inspect::Inspect),
    Convert(convert::Convert),
    ConvertDataset(convert_dataset::ConvertDataset),
    Ls(ls::Ls),
    Status(status::Status),
    Top(top::Top),
    Logs(logs::Logs),
    Track(track::Arguments),
    Tag(marks::Tag),
    Note(marks::Note),
    Rm(rm::Rm),
    Init(init::Init),
    New(new::New),
    Dataset(dataset::Dataset),
    Phantom(phantom::Phantom),
    Schema(schema::Schema),
    Bench(bench::Bench),
    Warm(warm::Warm),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

/// Runs one command line; the caller turns the result into an exit code and a message.
///
/// # Errors
/// [`Failure`] with its exit code.
pub fn execute(cli: Cli) -> Result<Exit, Failure> {
    exit::exit_on_closed_output();
    session::answer_interrupts();
    let exit = run_command(cli.command)?;
    exit::flush()?;
    Ok(exit)
}

fn run_command(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => run::execute(args),
        Command::RunPlan(args) => run_plan::execute(args),
        Command::Check(args) => check::execute(args),
        Command::Watch(args) => watch::execute(args),
        Command::Show(args) => show::execute(args),
        Command::Prepare(args) => prepare::execute(args),
        Command::Preview(args) => preview::execute(args),
        Command::Predict(args) => predict::execute(args),
        Command::Evaluate(args) => evaluate::execute(args),
        Command::Report(args) => report::execute(args),
        Command::Rank(args) => rank::execute(args),
        Command::Compare(args) => compare::execute(args),
        Command::Explain(args) => explain::execute(args),
        Command::Export(args) => export::execute(args),
        Command::Reproduce(args) => reproduce::execute(args),
        Command::Pack(args) => pack::execute(args),
        Command::Sweep(args) => sweep::execute(args),
        Command::Serve(args) => serve::execute(args),
        Command::Pacs(args) => pacs::execute(args),
        Command::Convert(args) => convert::execute(args),
        Command::Import(args) => import::execute(args),
        Command::ConvertDataset(args) => convert_dataset::execute(args),
        Command::Inspect(args) => inspect::execute(args),
        Command::Ls(args) => ls::execute(args),
        Command::Status(args) => status::execute(args),
        Command::Top(args) => top::execute(args),
        Command::Logs(args) => logs::execute(args),
        Command::Track(args) => track::execute(args),
        Command::Tag(args) => marks::tag(args),
        Command::Note(args) => marks::note(args),
        Command::Rm(args) => rm::execute(args),
        Command::Init(args) => init::execute(args),
        Command::New(args) => new::execute(args),
        Command::Dataset(args) => dataset::execute(args),
        Command::Phantom(args) => phantom::execute(args),
        Command::Schema(args) => schema::execute(args),
        Command::Bench(args) => bench::execute(args),
        Command::Warm(args) => warm::execute(args),
        Command::Doctor(args) => doctor::execute(args),
        Command::Completions(args) => completions::execute(args),
    }
}
