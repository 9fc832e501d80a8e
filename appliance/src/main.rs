//! The executable: reads the command line and turns errors into exit codes.

fn main() -> std::process::ExitCode {
    redoubt::cli::main()
}
