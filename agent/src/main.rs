//! The program `kfimg-agent`. Everything is in the library; see `program`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kfimg_agent::program::main(std::env::args_os().skip(1))
}
