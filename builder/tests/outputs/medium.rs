//! The live medium: xorriso and mtools read what is on it.

use crate::made::Made;
use crate::program::{both, program, run, succeed};
use kfimg_builder::iso;
use kfimg_builder::output::{Medium, Watch};
use std::fs;

#[test]
fn a_medium_has_the_root_and_boots_by_uefi() {
    let made = Made::new("iso");
    let kernel_image = made.kernel_image(Medium::Iso);
    let path = made.path("live.iso");
    iso::write(&made.parts, &kernel_image, &path, &Watch::default()).unwrap();
    let report = |words: &[&str]| both(&run(program("xorriso").arg("-indev").arg(&path).args(words)));
    let boots = report(&["-report_el_torito", "plain", "-report_system_area", "plain"]);
    assert!(boots.contains("El Torito boot img :   1  UEFI  y   none"), "{boots}");
    assert!(boots.contains("/kfimg/esp.img"), "{boots}");
    let stick = succeed(program("sgdisk").arg("-p").arg(&path));
    assert!(stick.contains("EF00"), "{stick}");
    assert!(succeed(program("sgdisk").arg("-v").arg(&path)).contains("No problems found"), "its table is sound");
    let label = format!("KFIMG_{}", made.parts.root_hash[..8].to_uppercase());
    assert!(report(&["-pvd_info"]).contains(&format!("Volume Id    : {label}")), "{}", report(&["-pvd_info"]));
    let listed = report(&["-lsl", "/kfimg"]);
    assert!(listed.contains("-r--r--r--") && !listed.contains("-rw"), "{listed}");

    for (name, part) in [("root.img", &made.parts.root), ("root.verity", &made.parts.verity)] {
        let copy = made.path(&format!("copy-{name}"));
        let from = format!("/kfimg/{name}");
        succeed(
            program("xorriso").arg("-osirrox").arg("on").arg("-indev").arg(&path).args(["-extract", &from]).arg(&copy),
        );
        assert!(fs::read(&copy).unwrap() == fs::read(part).unwrap(), "{name}");
    }
    // The boot image is the only FAT volume of the file, and a partition of a stick.
    let bytes = fs::read(&path).unwrap();
    let start = (0..bytes.len()).step_by(2048).find(|place| bytes[*place..].get(82..90) == Some(b"FAT32   ")).unwrap();
    let copy = made.path("copy.efi");
    let name = if cfg!(target_arch = "aarch64") { "BOOTAA64.EFI" } else { "BOOTX64.EFI" };
    let volume = format!("{}@@{start}", path.display());
    succeed(program("mcopy").arg("-i").arg(volume).arg(format!("::EFI/BOOT/{name}")).arg(&copy));
    assert!(fs::read(&copy).unwrap() == fs::read(&kernel_image).unwrap());
}

#[test]
fn the_same_parts_give_the_same_medium() {
    let medium = |name: &str| {
        let made = Made::new(name);
        let path = made.path("live.iso");
        iso::write(&made.parts, &made.kernel_image(Medium::Iso), &path, &Watch::default()).unwrap();
        fs::read(path).unwrap()
    };
    let first = medium("medium/one");
    // Whatever names the second would be another one then.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(first == medium("medium/two/deeper"));
}
