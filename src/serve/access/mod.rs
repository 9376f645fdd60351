//! Who may ask what. Every request passes [`guard`] before anything else looks at it.

mod guard;
mod headers;
mod names;
mod token;

pub use guard::{Local, guard};
pub use headers::REPORT_POLICY;
pub use names::Names;
pub use token::Token;
