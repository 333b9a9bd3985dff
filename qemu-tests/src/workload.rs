//! A workload for scenarios: a small web server on every node, behind a Service and a node port.
//!
//! It comes with the site's own manifests, as a site's own objects do.

use crate::images::WORKLOAD;
use crate::{Cluster, Result, Topology};

/// The port of every node that answers.
pub const NODE_PORT: u16 = 30080;
const FILE: &str = "web.yaml";
const MANIFEST: &str = "\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: [{operator: Exists}]
      containers:
      - name: web
        image: IMAGE
        command: [sh, -c, 'mkdir /tmp/www && echo $NODE > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www']
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
";

/// The topology with the workload.
pub fn with_workload(topology: Topology) -> Topology {
    topology.file(FILE, &MANIFEST.replace("IMAGE", WORKLOAD)).layer(&format!("manifests: [{FILE}]\n"))
}

impl Cluster {
    /// Whether the workload answers at a node's port.
    pub fn workload_answers(&self, node: &str) -> bool {
        self.answers(&format!("http://{}:{NODE_PORT}/", crate::site::node_address(node)))
    }

    /// The names of the workload's pods.
    ///
    /// # Errors
    /// What `kubectl` said.
    pub fn workload_pods(&self) -> Result<Vec<String>> {
        let names = self.kubectl(&["get", "pods", "-l", "app=web", "-o", "name"])?;
        Ok(names.lines().map(str::to_owned).collect())
    }
}
