//! What a person sees while something takes long.
//!
//! Owns: the spinner and the bar on a terminal. Without a terminal nothing is drawn here; whoever has results prints lines.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Whether stderr is a terminal, where progress is drawn.
pub fn on_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// A spinner on a terminal, gone when dropped.
pub struct Spinner(ProgressBar);

impl Spinner {
    /// Starts it with a text such as "building the kernel".
    pub fn start(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if on_terminal() {
            bar.set_message(what.to_string());
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar over a known number of steps; hidden without a terminal.
pub fn bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if !on_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
