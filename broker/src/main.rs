//! The program `broker`. All of it is in the library, so that another program can be it too: see
//! [`broker::server::main_from_args`].

fn main() -> std::process::ExitCode {
    broker::server::main_from_args(std::env::args_os())
}
