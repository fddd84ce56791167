use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// The address of a backend: https, or http on this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendAddress(Url);

/// A text that is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a backend's address: https://host is expected")]
pub struct AddressError;

impl BackendAddress {
    /// Reads an address as people type it: without a scheme it is https.
    ///
    /// # Errors
    /// When it is no URL, carries a user, path, query or fragment, or would travel in the clear to another computer.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&with_scheme).map_err(|_| AddressError)?;
        let plain_place = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && matches!(url.path(), "" | "/");
        let allowed = match url.scheme() {
            "https" => url.host_str().is_some(),
            "http" => is_loopback(&url),
            _ => false,
        };
        if plain_place && allowed { Ok(Self(url)) } else { Err(AddressError) }
    }

    /// The host, as the status bar shows it.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether it is this computer.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// The URL of a route.
    pub(crate) fn route(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }

    /// The URL of a route for a socket.
    pub(crate) fn socket(&self, path: &str) -> Url {
        let mut url = self.route(path);
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        // Both are web schemes, between which a URL may change.
        let changed = url.set_scheme(scheme);
        debug_assert!(changed.is_ok(), "http and ws are of one family");
        url
    }
}

impl fmt::Display for BackendAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_people_type_it() {
        for (typed, meant) in [
            ("desk.northgate.example", "https://desk.northgate.example"),
            (" https://desk.northgate.example/ ", "https://desk.northgate.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(BackendAddress::parse(typed).unwrap().to_string(), meant);
        }
    }

    #[test]
    fn nothing_travels_in_the_clear_to_another_computer() {
        for refused in [
            "http://desk.northgate.example",
            "http://127.0.0.1.example.com",
            "ftp://desk.example",
            "https://user:secret@desk.example",
            "https://desk.example/path",
            "https://desk.example?x=1",
            "",
            "https://",
        ] {
            assert_eq!(BackendAddress::parse(refused), Err(AddressError), "{refused}");
        }
    }

    #[test]
    fn the_socket_is_as_closed_as_the_rest() {
        let address = BackendAddress::parse("https://desk.example").unwrap();
        assert_eq!(address.socket("/v1/sync/live").as_str(), "wss://desk.example/v1/sync/live");
        let here = BackendAddress::parse("http://127.0.0.1:9").unwrap();
        assert_eq!(here.socket("/v1/sync/live").as_str(), "ws://127.0.0.1:9/v1/sync/live");
    }
}
