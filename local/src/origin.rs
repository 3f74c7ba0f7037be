//! A stand-in for the providers' media hosts: serves a small real recording.

use std::f64::consts::TAU;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use http::header::{CONTENT_TYPE, ETAG};
use tokio::net::TcpListener;

/// Samples per second: telephone quality.
const SAMPLE_RATE: u32 = 8_000;

/// Serves [`router`] on a free port until the task ends.
///
/// # Errors
/// No port is free.
pub async fn serve() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router()).await });
    Ok(address)
}

/// Answers `/<name>.wav` with a second of a tone, its pitch from the name.
pub fn router<State: Clone + Send + Sync + 'static>() -> Router<State> {
    let recording = async |axum::extract::Path(name): axum::extract::Path<String>| {
        let pitch = 300.0 + 20.0 * f64::from(name.bytes().fold(0_u8, u8::wrapping_add) % 20);
        ([(CONTENT_TYPE, "audio/wav"), (ETAG, "\"1\"")], tone(pitch, 1))
    };
    Router::new().route("/{name}", get(recording))
}

/// Some seconds of a sine as a WAV file: RIFF, PCM, mono, 16 bits.
pub fn tone(hertz: f64, seconds: u32) -> Vec<u8> {
    let samples = (0..SAMPLE_RATE * seconds).map(|index| {
        let phase = TAU * hertz * f64::from(index) / f64::from(SAMPLE_RATE);
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude is within 16 bits")]
        let sample = (phase.sin() * 8_000.0) as i16;
        sample
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let data_bytes = 2 * SAMPLE_RATE * seconds;
    let mut wav = Vec::with_capacity(44 + data.len());
    wav.extend(b"RIFF");
    wav.extend((36 + data_bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend(1_u16.to_le_bytes());
    wav.extend(1_u16.to_le_bytes());
    wav.extend(SAMPLE_RATE.to_le_bytes());
    wav.extend((SAMPLE_RATE * 2).to_le_bytes());
    wav.extend(2_u16.to_le_bytes());
    wav.extend(16_u16.to_le_bytes());
    wav.extend(b"data");
    wav.extend(data_bytes.to_le_bytes());
    wav.extend(data);
    wav
}
