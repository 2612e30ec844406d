//! librdkafka's C interface as safe types: all the foreign calls that the hot paths make, and nothing else.
//!
//! The `rdkafka` crate's own producer and consumer allocate per message and hide the message status; these do neither.
//! The crate still compiles librdkafka, declares its functions, and serves for administration.
//!
//! Every handle has one owner and every callback is served on the owner's thread, from inside the call that polls:
//! librdkafka queues delivery reports, statistics, errors and rebalances, and runs their callbacks from `rd_kafka_poll`,
//! `rd_kafka_consumer_poll`, `rd_kafka_consume_batch_queue` and `rd_kafka_consumer_close` only. Log lines alone come
//! from its own threads; their callback touches no state of ours.

mod consumer;
mod producer;

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::NonNull;

use rdkafka::bindings::*;

pub(super) use consumer::NativeConsumer;
pub(super) use producer::NativeProducer;

use crate::driver::{ClientError, DriverError};

/// The version of the librdkafka that is linked, such as `2.12.1`.
pub(super) fn version() -> String {
    // SAFETY: returns a pointer to a static, NUL-terminated string.
    unsafe { CStr::from_ptr(rd_kafka_version_str()) }.to_string_lossy().into_owned()
}

/// Whether this build of librdkafka contains TLS, and the SASL mechanisms that need its hashes.
const TLS_IS_BUILT: bool = cfg!(feature = "tls");

/// A configuration that has not become a client yet.
struct Configuration(NonNull<rd_kafka_conf_t>);

impl Configuration {
    fn new<'a>(properties: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, DriverError> {
        // SAFETY: allocates a configuration that we own; it aborts rather than return null when memory is out.
        let conf = unsafe { rd_kafka_conf_new() };
        let conf = Self(NonNull::new(conf).ok_or_else(|| DriverError::Create { reason: "out of memory".into() })?);
        for (name, value) in properties {
            conf.set(name, value)?;
        }
        // SAFETY: the configuration is ours and the callback has the signature asked for.
        unsafe { rd_kafka_conf_set_log_cb(conf.0.as_ptr(), Some(on_log)) };
        Ok(conf)
    }

    fn set(&self, name: &str, value: &str) -> Result<(), DriverError> {
        let refused = |reason: String| DriverError::Property { name: name.into(), value: shown(name, value), reason };
        let c_name = CString::new(name).map_err(|_| refused("the name contains a NUL".into()))?;
        let c_value = CString::new(value).map_err(|_| refused("the value contains a NUL".into()))?;
        let mut text = [0; 512];
        // SAFETY: both strings are NUL-terminated and outlive the call; the buffer's length is given.
        let result = unsafe {
            rd_kafka_conf_set(self.0.as_ptr(), c_name.as_ptr(), c_value.as_ptr(), text.as_mut_ptr(), text.len())
        };
        if result == rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
            return Ok(());
        }
        let reason = text_of(&text);
        let unknown = ["not available in this build", "not built", "OpenSSL"];
        if !TLS_IS_BUILT && unknown.iter().any(|text| reason.contains(text)) {
            return Err(DriverError::TlsNotBuilt { name: name.into(), value: shown(name, value) });
        }
        Err(refused(reason))
    }

    /// Makes the client, which takes the configuration over.
    fn into_client(self, kind: rd_kafka_type_t) -> Result<Client, DriverError> {
        let mut text = [0; 512];
        // SAFETY: the configuration is ours; on success librdkafka owns it, on failure it stays ours. The buffer's
        // length is given.
        let client = unsafe { rd_kafka_new(kind, self.0.as_ptr(), text.as_mut_ptr(), text.len()) };
        match NonNull::new(client) {
            Some(client) => {
                std::mem::forget(self);
                Ok(Client(client))
            }
            None => Err(not_made(text_of(&text))),
        }
    }
}

/// Why there is no client, although each of its properties was accepted.
fn not_made(reason: String) -> DriverError {
    let mechanism = reason.strip_prefix("No provider for SASL mechanism ").and_then(|rest| rest.split(':').next());
    match mechanism.filter(|mechanism| !TLS_IS_BUILT && (mechanism.starts_with("SCRAM") || *mechanism == "OAUTHBEARER"))
    {
        Some(mechanism) => DriverError::TlsNotBuilt { name: "sasl.mechanism".into(), value: mechanism.into() },
        None => DriverError::Create { reason },
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        // SAFETY: ours, and not handed over (`into_client` forgets it then).
        unsafe { rd_kafka_conf_destroy(self.0.as_ptr()) };
    }
}

/// An `rd_kafka_t`, destroyed when dropped.
struct Client(NonNull<rd_kafka_t>);

impl Client {
    fn as_ptr(&self) -> *mut rd_kafka_t {
        self.0.as_ptr()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: we own the handle. Consumers were closed before; nobody holds a message or a queue of it any more.
        unsafe { rd_kafka_destroy_flags(self.0.as_ptr(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) };
    }
}

/// What librdkafka says of an answer that did not come in time.
pub(super) fn timed_out() -> ClientError {
    client_error(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT)
}

/// librdkafka's text for an error code.
pub(super) fn client_error(code: rd_kafka_resp_err_t) -> ClientError {
    // SAFETY: returns a static, NUL-terminated string for any code.
    let reason = unsafe { CStr::from_ptr(rd_kafka_err2str(code)) }.to_string_lossy();
    ClientError { code: code as i32, reason }
}

/// An error with a reason of its own, as error callbacks and some messages carry it.
///
/// # Safety
/// `reason` is null or NUL-terminated.
unsafe fn client_error_with_reason(code: i32, reason: *const c_char) -> ClientError {
    if reason.is_null() {
        return ClientError { code, reason: Cow::Borrowed("no reason given") };
    }
    // SAFETY: promised by the caller.
    let reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy().into_owned();
    ClientError { code, reason: Cow::Owned(reason) }
}

/// Takes an `rd_kafka_error_t` over.
///
/// # Safety
/// `error` is null (which means success) or owned by the caller.
unsafe fn take_error(error: *mut rd_kafka_error_t) -> Result<(), ClientError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: valid until destroyed below, promised by the caller.
    unsafe {
        let taken = client_error_with_reason(rd_kafka_error_code(error) as i32, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        Err(taken)
    }
}

/// The bytes at `pointer`, or none where it is null.
///
/// # Safety
/// `pointer` is null or valid for `len` bytes during `'a`.
unsafe fn bytes<'a>(pointer: *const std::ffi::c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: promised by the caller.
    (!pointer.is_null()).then(|| unsafe { std::slice::from_raw_parts(pointer.cast(), len) })
}

fn text_of(buffer: &[c_char]) -> String {
    let bytes: Vec<u8> = buffer.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A property's value as it may be shown and written to a file.
pub fn shown(name: &str, value: &str) -> String {
    let secret = ["password", "passphrase", "secret", "key.pem", "sasl.oauthbearer.config"];
    if secret.iter().any(|part| name.contains(part)) { "(hidden)".into() } else { value.into() }
}

/// librdkafka's log lines, by syslog level.
unsafe extern "C" fn on_log(_: *const rd_kafka_t, level: c_int, facility: *const c_char, line: *const c_char) {
    // SAFETY: both are NUL-terminated strings for the time of the call.
    let (facility, line) =
        unsafe { (CStr::from_ptr(facility).to_string_lossy(), CStr::from_ptr(line).to_string_lossy()) };
    match level {
        0..=4 => tracing::debug!(target: "librdkafka", "{facility}: {line}"),
        _ => tracing::trace!(target: "librdkafka", "{facility}: {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: &str) -> DriverError {
        match Configuration::new([(name, value)].into_iter()) {
            Err(error) => error,
            Ok(_) => panic!("{name}={value} was accepted"),
        }
    }

    #[test]
    fn an_unknown_property_is_named() {
        let text = refusal("linger.millis", "5").to_string();
        assert!(text.contains("linger.millis=5") && text.contains("No such configuration property"), "{text}");
    }

    #[test]
    fn a_value_out_of_range_is_explained() {
        assert!(matches!(refusal("linger.ms", "abc"), DriverError::Property { .. }));
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(shown("sasl.password", "hunter2"), "(hidden)");
        assert_eq!(shown("linger.ms", "5"), "5");
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_build_without_tls_says_so() {
        for (name, value) in [("security.protocol", "ssl"), ("ssl.ca.location", "/ca.pem")] {
            let text = refusal(name, value).to_string();
            assert!(text.starts_with(&format!("{name}={value} needs")) && text.contains("--features tls"), "{text}");
        }
        let scram = [("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "SCRAM-SHA-256")];
        let user = [("sasl.username", "a"), ("sasl.password", "b")];
        let Ok(configuration) = Configuration::new(scram.into_iter().chain(user)) else { panic!("each is known") };
        let Err(error) = configuration.into_client(rd_kafka_type_t::RD_KAFKA_PRODUCER) else { panic!("was made") };
        assert!(error.to_string().starts_with("sasl.mechanism=SCRAM-SHA-256 needs a build with TLS"), "{error}");
    }
}
