//! Checks of `[track]`.

use crate::spec::Findings;
use crate::spec::tracking::Track;

/// Checks the trackers' settings.
pub fn check(track: &Track, findings: &mut Findings) {
    let Some(url) = track.mlflow.as_ref().and_then(|mlflow| mlflow.url.as_ref()) else { return };
    let address = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match address {
        None => {
            let help = "write the address of a tracking server, such as \"http://localhost:5000\"";
            findings.error("track.mlflow.url", format!("`{url}` does not begin with http:// or https://"), help);
        }
        Some(address) if address.split('/').next().unwrap_or_default().contains('@') => {
            let help = "remove them: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are sent";
            findings.error("track.mlflow.url", "a name and a password have no place in a file that is committed", help);
        }
        Some(_) => {}
    }
}
