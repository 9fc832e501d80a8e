//! Archives that no honest program writes.

use tar::Header;

/// A member of an archive with any name, of any kind (POSIX ustar, field `typeflag`), without the end of the archive.
pub(crate) fn member(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut member = header(name, kind, content.len() as u64).as_bytes().to_vec();
    member.extend(content);
    member.resize(member.len().next_multiple_of(512), 0);
    member
}

/// A member that says that it has so many bytes, and has none.
pub(crate) fn huge(name: &str, size: u64) -> Vec<u8> {
    header(name, b'0', size).as_bytes().to_vec()
}

fn header(name: &str, kind: u8, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkflag = [kind];
    header.as_old_mut().linkname[..6].copy_from_slice(b"target");
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_cksum();
    header
}

/// The bytes in the form of gzip (RFC 1952), in stored blocks (RFC 1951 section 3.2.4).
pub(crate) fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let blocks = bytes.chunks(0xffff);
    let count = blocks.len();
    for (number, block) in (1..).zip(blocks) {
        let length = u16::try_from(block.len()).unwrap();
        file.push(u8::from(number == count));
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(block);
    }
    file.extend(crc32(bytes).to_le_bytes());
    file.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
