systemd-tmpfiles --create
systemctl daemon-reload
systemctl --no-block restart systemd-journald systemd-modules-load systemd-sysctl
systemctl --no-block try-restart systemd-networkd systemd-resolved systemd-timesyncd
systemctl --no-block start default.target
