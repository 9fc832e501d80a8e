//! QR codes: as an SVG path for the enrolment page, as half blocks for the terminal.

use qrcodegen::{QrCode, QrCodeEcc};

/// Blank modules around a code (ISO/IEC 18004 asks for four).
const QUIET_ZONE: i32 = 4;

/// The text is too long for any QR code.
#[derive(Debug, thiserror::Error)]
#[error("the text does not fit into a QR code")]
pub struct TooLong;

/// The dark modules as one SVG path in a view box of `size` × `size`, the quiet zone included.
pub fn svg_path(text: &str) -> Result<(u32, String), TooLong> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(|_| TooLong)?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|&x| code.get_module(x, y)) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE));
        }
    }
    let size = u32::try_from(code.size() + 2 * QUIET_ZONE).map_err(|_| TooLong)?;
    Ok((size, path))
}

/// The code for a terminal, two modules a character; dark on light whatever the terminal's colours are.
pub fn terminal(text: &str) -> Result<String, TooLong> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).map_err(|_| TooLong)?;
    let span = -2..code.size() + 2;
    let mut lines = String::new();
    for y in span.clone().step_by(2) {
        lines.push_str("\x1b[30;107m");
        for x in span.clone() {
            lines.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        lines.push_str("\x1b[0m\n");
    }
    Ok(lines)
}
