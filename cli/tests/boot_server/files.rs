//! Kernels and initial RAM disks as files of a web server: in parts, under conditions, replaced while it serves.

use crate::rendered;
use crate::support::boot::Boot;
use crate::support::program::succeed;
use std::fs;
use std::process::Command;

#[test]
fn files_come_in_parts_and_under_conditions() {
    let folder = rendered("parts");
    let boot = Boot::start(&folder, &[]);
    let path = "/images/initrd";
    let (status, header, _) = boot.ask(path, &["-I"]);
    assert!(status == 200 && header.contains("content-length: 3145728"), "{header}");
    let value = |name: &str| {
        let line = header.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
        line.trim().to_owned()
    };
    let (tag, date) = (value("etag"), value("last-modified"));
    assert_eq!(value("accept-ranges"), "bytes");
    let with = |name: &str, value: &str| boot.ask(path, &["-H", &format!("{name}: {value}")]);
    let table: [(&str, &str, u16, usize); 10] = [
        ("Range", "bytes=0-99", 206, 100),
        ("Range", "bytes=-5", 206, 5),
        ("Range", "bytes=3145728-", 416, 0),
        ("Range", "bytes=3145720-99999999", 206, 8),
        ("If-None-Match", &tag, 304, 0),
        ("If-None-Match", "\"other\"", 200, 3 << 20),
        ("If-Modified-Since", &date, 304, 0),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200, 3 << 20),
        ("If-Match", "\"other\"", 412, 0),
        ("If-Match", &tag, 200, 3 << 20),
    ];
    for (name, value, status, length) in table {
        let (got, header, body) = with(name, value);
        assert_eq!((got, body.len()), (status, length), "{name}: {value}: {header}");
    }
    let both = |range: &str| boot.ask(path, &["-H", "Range: bytes=0-0", "-H", &format!("If-Range: {range}")]).0;
    assert_eq!((both(&tag), both(&date), both("\"other\"")), (206, 206, 200));
    // A file that is replaced has another tag, at once.
    fs::write(folder.join("images/new"), "new").unwrap();
    fs::rename(folder.join("images/new"), folder.join("images/initrd")).unwrap();
    assert_eq!(with("If-None-Match", &tag).2, b"new");
    // So has a build that takes the place of the former one.
    fs::create_dir(folder.join("next")).unwrap();
    fs::write(folder.join("next/initrd"), "another").unwrap();
    fs::rename(folder.join("images"), folder.join("former")).unwrap();
    fs::rename(folder.join("next"), folder.join("images")).unwrap();
    assert_eq!(boot.get(path), (200, b"another".to_vec()));
    fs::write(folder.join("images/initrd"), "new").unwrap();
    // curl goes on where it stopped.
    fs::write(folder.join("part"), "n").unwrap();
    let url = format!("{}{path}", boot.url);
    succeed(Command::new("curl").args(["-sS", "-C", "-", "-o", "part", &url]).current_dir(&folder));
    assert_eq!(fs::read(folder.join("part")).unwrap(), b"new");
}
