//! The secret that opens the server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

/// Random bytes of a token.
const BYTES: usize = 32;

/// A token. It is shown in the link and nowhere else: `Debug` leaves it out.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one, from the operating system's random numbers: no result of a run depends on it.
    ///
    /// # Errors
    /// The operating system gives none.
    pub fn new() -> Result<Self, String> {
        let mut bytes = [0; BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| "the operating system gives no random numbers, so there is no safe token".to_owned())?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// A name that nobody can guess, for uploads and jobs.
    ///
    /// # Errors
    /// As [`Token::new`].
    pub fn name() -> Result<String, String> {
        let token = Self::new()?;
        // 22 characters hold 132 random bits. Names begin with a letter, so that none is taken for an option or a hidden file.
        Ok(format!("n{}", token.0.chars().take(22).collect::<String>()))
    }

    /// Whether a text is the token; takes the same time wherever they differ.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// The token, for the link.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_random_and_not_shown() {
        let [one, other] = [(); 2].map(|()| Token::new().unwrap());
        assert!(one.is(one.reveal()) && !one.is(other.reveal()) && !one.is(""));
        assert!(!one.is(&one.reveal()[..42]) && !one.is(&format!("{}=", one.reveal())));
        assert_eq!((one.reveal().len(), format!("{one:?}")), (43, "Token".to_owned()));
    }
}
