//! The table: what becomes of each fenced text of the documents.
//!
//! Whoever adds a text adds a row. The first row that fits a text counts; that a row is needed, and that what it names exists, is for
//! `main.rs` to say.

use Read::{As, By, Nobody, Test};

/// What becomes of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read {
    /// This test of `make test` reads it.
    Test(&'static str),
    /// This target of make has this test read it, because it needs real components, minutes, or machines that boot.
    By(&'static str, &'static str),
    /// The same text stands in that document, and is read there.
    As(&'static str),
    /// Nobody runs it, for this reason.
    Nobody(&'static str),
}

/// Texts of a document (`*`: any) in a language whose first line begins so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) document: &'static str,
    pub(crate) language: &'static str,
    pub(crate) start: &'static str,
    pub(crate) read: Read,
}

const fn row(document: &'static str, language: &'static str, start: &'static str, read: Read) -> Row {
    Row { document, language, start, read }
}

const LAB: Read =
    Nobody("boots machines for minutes as root: every scenario of `make cluster-test` begins with what it does");
const FETCH: Read =
    Nobody("fetches a Debian and images from the internet: the walk of this chapter brings the same three things");
const PXE: Read = By(
    "vm-test",
    "qemu-tests/pxe_walk_through::the_document_leads_from_an_empty_folder_to_a_control_plane_that_booted_from_the_network",
);
const VMWARE: Read = By(
    "vm-test",
    "qemu-tests/vmware_walk_through::the_document_leads_from_an_empty_folder_to_a_control_plane_that_booted_the_appliances_disk",
);
const NEWCOMER: Read = Test("cli/walk_throughs::a_newcomer_ends_with_payloads_for_three_machines");
const OWN_CA: Read = Test("cli/walk_throughs::an_authority_of_ones_own_is_brought_as_the_page_says");
const CIS: Read = Test("cli/cis::the_commands_of_the_documentation_run");
const HALL: Read = Test("cli/scale::one_process_and_then_a_hall_with_its_own_nginx_boot_the_same_machine");
const REGISTRIES: Read = Test("cli/scale::a_registry_that_is_gone_is_missed_by_nobody");
const DISKS: Read = Test("cli/documents::disks_and_sticks_are_written_as_the_page_says");
const NEXT_IMAGE: Read = Test("cli/documents::the_next_image_goes_into_the_slot_that_does_not_boot_and_back");

/// Every row.
pub(crate) const ROWS: &[Row] = &[
    row("*", "text", "", Nobody("a picture, or what a machine says: nothing to run")),
    row(
        "README.md",
        "sh",
        "make demo",
        By("install-test", "cli/walk_throughs::make_demo_of_the_readme_renders_a_cluster"),
    ),
    row("README.md", "sh", "make cluster", LAB),
    row("README.md", "sh", "kfimg init", Test("cli/documents::the_commands_of_the_readme_run")),
    row("air-gap.md", "console", "", By("interop", "cli/air_gap::the_document_is_walked_from_the_internet_to_a_node")),
    row(
        "boot.md",
        "json",
        "",
        Test("agent/src/report/tests.rs::the_example_of_the_document_has_every_field_of_the_format"),
    ),
    // Its second line. The first one fetches: `cli/air_gap` has it fetch from registries of its own.
    row("build.md", "sh", "kfimg bundle create", Test("cli/documents::the_command_of_build_makes_what_it_says")),
    row("build.md", "console", "$ jq ", Test("cli/documents::the_command_of_build_makes_what_it_says")),
    row("change.md", "sh", "kfimg render", Test("cli/documents::the_commands_of_change_tell_what_changes")),
    row(
        "channels.md",
        "console",
        "$ kfimg render --profile single ",
        Test("cli/channels::every_drive_is_one_and_holds_the_payload"),
    ),
    row("cis.md", "sh", "kfimg validate --cis --profile ha3 --registry reg.local", CIS),
    row("cloud-init.md", "sh", "sed ", Test("cli/documents::the_command_of_cloud_init_lists_what_a_payload_brings")),
    row(
        "getting-started.md",
        "sh",
        "cargo install",
        By("install-test", "cli/walk_throughs::the_program_is_installed_as_the_page_says"),
    ),
    row("getting-started.md", "sh", "kubectl ", As("pxe.md")),
    row("getting-started.md", "console", "", NEWCOMER),
    row("getting-started.md", "csv", "# file: nodes.csv", NEWCOMER),
    row("image.md", "console", "$ kfimg render", Test("cli/all_in_one::the_pages_own_words_make_the_drive")),
    row("image.md", "console", "$ kfimg build --base base.tar --bundle bundle --output raw,", DISKS),
    row("image.md", "console", "$ kfimg build --base base-next.tar", NEXT_IMAGE),
    row("image.md", "console", "$ kfimg build", Test("cli/documents::the_commands_of_image_build_render_and_serve")),
    row("image.md", "console", "$ dd if=images/live.iso", DISKS),
    row("image.md", "console", "$ dd if=images/disk.raw", DISKS),
    row("image.md", "console", "$ cp images/disk.qcow2", DISKS),
    row("image.md", "sh", "qemu-system-x86_64", By("interop", "cli/documents::qemu_takes_the_machine_of_image")),
    row(
        "image.md",
        "sh",
        "kubectl ",
        Nobody(
            "asks a machine that booted, through QEMU's own network; `qemu-tests/kfimg_media_boot` boots such disks",
        ),
    ),
    row("image.md", "sh", "# file: next-image.sh", NEXT_IMAGE),
    row("image.md", "console", "$ qemu-img convert", NEXT_IMAGE),
    row("lab.md", "sh", "make cluster", LAB),
    row("own-ca.md", "ini", "# file: ", OWN_CA),
    row("own-ca.md", "console", "", OWN_CA),
    row("pxe.md", "sh", "make -C", FETCH),
    row("pxe.md", "console", "$ kfimg build", PXE),
    row("pxe.md", "sh", "kfimg serve --out out --images images --bundle", PXE),
    row("pxe.md", "sh", "kubectl ", PXE),
    row("pxe.md", "sh", "kfimg build", Test("cli/documents::the_commands_of_pxe_run")),
    row(
        "pxe.md",
        "sh",
        "kfimg serve --out out --images images --access-log",
        By("interop", "cli/pxe_serve::uefi_firmware_boots_through_proxy_dhcp_and_tftp_beside_a_dhcp_server"),
    ),
    row("pxe.md", "console", "", Test("cli/documents::the_commands_of_pxe_run")),
    row(
        "recovery.md",
        "sh",
        "etcd()",
        By("interop", "cli/full_database::a_full_database_takes_writes_again_after_what_the_page_says"),
    ),
    row("scale.md", "sh", "kfimg serve --out out --images images --bundle", HALL),
    row("scale.md", "sh", "kfimg serve --bundle bundle", REGISTRIES),
    row("scale.md", "sh", "kfimg serve --out out --images images --boot-listen", HALL),
    row("scale.md", "haproxy", "", REGISTRIES),
    row("scale.md", "nginx", "", HALL),
    row("security.md", "console", "", Test("cli/documents::the_commands_of_security_run")),
    row(
        "state.md",
        "sh",
        "kfimg pki renew",
        Test("cli/documents::the_commands_of_state_renew_one_node_and_nobody_else"),
    ),
    row(
        "state.md",
        "console",
        "",
        By("interop", "cli/rotate_runs::the_chapter_is_walked_and_nothing_is_unreadable_or_refused_before_its_time"),
    ),
    row(
        "stock.md",
        "console",
        "$ kfimg build",
        Test("cli/documents::the_commands_of_stock_make_an_extension_that_payloads_name"),
    ),
    row("topologies.md", "console", "", Test("cli/topologies_document::every_command_works_in_an_empty_folder")),
    row("topologies.md", "csv", "", Test("cli/topologies_document::the_inventory_is_one")),
    row("topologies.md", "haproxy", "", Test("cli/topologies_document::haproxy_takes_the_balancers_configuration")),
    row("vmware.md", "sh", "make -C", FETCH),
    row(
        "vmware.md",
        "sh",
        "export GOVC_URL",
        Nobody("where a reader's vCenter is; every test of `cli/vsphere` says where the simulator is"),
    ),
    row("vmware.md", "console", "$ kfimg build", VMWARE),
    row("vmware.md", "console", "$ out/vmware/deploy.sh --ova", VMWARE),
    row("vmware.md", "sh", "kubectl ", VMWARE),
    row("vmware.md", "sh", "out/vmware/deploy.sh --erase", VMWARE),
    row("vmware.md", "console", "", By("interop", "cli/vsphere::the_commands_of_the_document_run_in_their_order")),
    row("*", "yaml", "", Test("cli/documents::every_yaml_of_every_document_is_accepted")),
];
