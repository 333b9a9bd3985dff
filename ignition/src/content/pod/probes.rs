//! Probes of static pods, with kubeadm's numbers (`cmd/kubeadm/app/util/staticpod/utils.go`).

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::net::IpAddr;
use std::time::Duration;

/// Seconds between two questions at a start.
const STARTUP_PERIOD: i32 = 10;

/// A page that says whether a component is well.
#[derive(Clone, Copy)]
pub(in crate::content) struct Health {
    /// The address that it listens on.
    pub(in crate::content) address: IpAddr,
    /// The port.
    pub(in crate::content) port: u16,
    /// `HTTP` or `HTTPS`.
    pub(in crate::content) scheme: &'static str,
}

/// Pages of a component for each question.
#[derive(Clone, Copy)]
pub(in crate::content) struct Probes {
    /// Where they are.
    pub(in crate::content) health: Health,
    /// Whether it must be started anew.
    pub(in crate::content) liveness: &'static str,
    /// Whether it can serve.
    pub(in crate::content) readiness: Option<&'static str>,
    /// Whether it has started.
    pub(in crate::content) startup: &'static str,
    /// How long that may take.
    pub(in crate::content) startup_timeout: Duration,
}

impl Probes {
    pub(super) fn liveness(&self) -> Probe {
        Probe {
            failure_threshold: Some(8),
            initial_delay_seconds: Some(10),
            period_seconds: Some(10),
            ..self.probe(self.liveness)
        }
    }

    pub(super) fn readiness(&self) -> Option<Probe> {
        Some(Probe { failure_threshold: Some(3), period_seconds: Some(1), ..self.probe(self.readiness?) })
    }

    /// So many failures as fit into the time, which `timeouts.controlPlaneComponentHealthCheck` gives.
    pub(super) fn startup(&self) -> Probe {
        let failures = self.startup_timeout.as_millis().div_ceil(1000 * u128::from(STARTUP_PERIOD.unsigned_abs()));
        Probe {
            failure_threshold: Some(i32::try_from(failures).unwrap_or(i32::MAX)),
            initial_delay_seconds: Some(10),
            period_seconds: Some(STARTUP_PERIOD),
            ..self.probe(self.startup)
        }
    }

    fn probe(&self, path: &str) -> Probe {
        let Health { address, port, scheme } = self.health;
        Probe {
            http_get: Some(HTTPGetAction {
                host: Some(address.to_string()),
                path: Some(path.to_owned()),
                port: IntOrString::Int(i32::from(port)),
                scheme: Some(scheme.to_owned()),
                ..HTTPGetAction::default()
            }),
            timeout_seconds: Some(15),
            ..Probe::default()
        }
    }
}
