package kubernetes

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

var rewrite = flag.Bool("rewrite", false, "write the plain manifests")

// manifests are the plain manifests: the values that each is rendered with, and the templates that
// it is of.
var manifests = map[string]struct {
	values string
	only   []string
}{
	"deployment.yaml": {values: "autoscaling: {enabled: true}"},
	"daemonset.yaml":  {values: "kind: DaemonSet"},
	"monitoring.yaml": {values: "monitoring: {serviceMonitor: true, rules: true, " +
		"dashboards: true}", only: []string{"monitoring.yaml"}},
}

// TestManifests holds the plain manifests to what the chart gives.
func TestManifests(t *testing.T) {
	for name, m := range manifests {
		documents, err := render(m.values, m.only...)
		if err != nil {
			t.Fatal(err)
		}
		text := "# Rendered of the chart by go test . -run TestManifests -rewrite\n---\n" +
			strings.Join(documents, "\n---\n") + "\n"
		path := filepath.Join("manifests", name)
		if *rewrite {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || string(have) != text {
			t.Errorf("%s differs (%v); run go test . -run TestManifests -rewrite", path, err)
		}
	}
}

// objects are those of a rendering, by kind.
type objects struct {
	Deployment    *apps.Deployment
	DaemonSet     *apps.DaemonSet
	Services      []core.Service
	ConfigMaps    []core.ConfigMap
	Autoscaler    *autoscaling.HorizontalPodAutoscaler
	Budget        *policy.PodDisruptionBudget
	NetworkPolicy *networking.NetworkPolicy
	Monitors      []map[string]any // of the Prometheus operator
	Rules         []map[string]any
}

// template returns the pods of the workload.
func (o *objects) template() *core.PodSpec {
	if o.DaemonSet != nil {
		return &o.DaemonSet.Spec.Template.Spec
	}
	return &o.Deployment.Spec.Template.Spec
}

// read renders the chart and decodes what it gives, strictly: what is misspelt, of the wrong type
// or in the wrong place is an error.
func read(t *testing.T, values string) (o objects) {
	t.Helper()
	documents, err := render(values)
	if err != nil {
		t.Fatalf("with %q: %v", values, err)
	}
	decode := func(d string, into any) {
		if err := yaml.UnmarshalStrict([]byte(d), into, yaml.DisallowUnknownFields); err != nil {
			t.Errorf("with %q: %v\n%s", values, err, d)
		}
	}
	for _, d := range documents {
		var of struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(d), &of); err != nil {
			t.Fatalf("with %q: %v\n%s", values, err, d)
		}
		switch of.APIVersion + " " + of.Kind {
		case "apps/v1 Deployment":
			o.Deployment = &apps.Deployment{}
			decode(d, o.Deployment)
		case "apps/v1 DaemonSet":
			o.DaemonSet = &apps.DaemonSet{}
			decode(d, o.DaemonSet)
		case "v1 Service":
			var s core.Service
			decode(d, &s)
			o.Services = append(o.Services, s)
		case "v1 ConfigMap":
			var c core.ConfigMap
			decode(d, &c)
			o.ConfigMaps = append(o.ConfigMaps, c)
		case "v1 ServiceAccount":
			decode(d, &core.ServiceAccount{})
		case "autoscaling/v2 HorizontalPodAutoscaler":
			o.Autoscaler = &autoscaling.HorizontalPodAutoscaler{}
			decode(d, o.Autoscaler)
		case "policy/v1 PodDisruptionBudget":
			o.Budget = &policy.PodDisruptionBudget{}
			decode(d, o.Budget)
		case "networking.k8s.io/v1 NetworkPolicy":
			o.NetworkPolicy = &networking.NetworkPolicy{}
			decode(d, o.NetworkPolicy)
		case "monitoring.coreos.com/v1 ServiceMonitor":
			var m map[string]any
			decode(d, &m)
			o.Monitors = append(o.Monitors, m)
		case "monitoring.coreos.com/v1 PrometheusRule":
			var m map[string]any
			decode(d, &m)
			o.Rules = append(o.Rules, m)
		default:
			t.Errorf("with %q: what is %s %s?", values, of.APIVersion, of.Kind)
		}
	}
	return o
}

// renderings are the values that between them have the chart give all that it can.
var renderings = []string{"", "kind: DaemonSet", "kind: DaemonSet\nhostNetwork: true",
	"ipv6: true", "autoscaling: {enabled: true, queriesPerSecond: 20000, cpu: 0}",
	"service: {type: LoadBalancer, split: true, annotations: {a: b}}",
	"service: {clusterIP: 10.96.0.53}", "monitoring: {serviceMonitor: true, rules: true, " +
		"dashboards: true, labels: {release: prometheus}}",
	"networkPolicy: {clients: [{ipBlock: {cidr: 10.0.0.0/8}}], upstreamPorts: [53, 853]}",
	"nodeSelector: {a: b}\ntolerations: [{operator: Exists}]\npodAnnotations: {a: b}\n" +
		"priorityClassName: high\nimage: {pullSecrets: [{name: registry}]}"}

// TestChartIsStrict decodes all that the chart can give into the types of Kubernetes's API.
func TestChartIsStrict(t *testing.T) {
	for _, values := range renderings {
		o := read(t, values)
		for _, s := range o.Services {
			selects(t, values, s.Spec.Selector, &o)
		}
		if o.Budget != nil {
			selects(t, values, o.Budget.Spec.Selector.MatchLabels, &o)
		}
		if o.NetworkPolicy != nil {
			selects(t, values, o.NetworkPolicy.Spec.PodSelector.MatchLabels, &o)
		}
	}
}

// selects holds a selector to the labels of the pods.
func selects(t *testing.T, values string, selector map[string]string, o *objects) {
	t.Helper()
	var labels map[string]string
	if o.DaemonSet != nil {
		labels = o.DaemonSet.Spec.Template.Labels
	} else {
		labels = o.Deployment.Spec.Template.Labels
	}
	if !reflect.DeepEqual(selector, labels) {
		t.Errorf("with %q: %v does not select %v", values, selector, labels)
	}
}

// TestChartRefusesContradictions has values that cannot work refused.
func TestChartRefusesContradictions(t *testing.T) {
	for values, want := range map[string]string{
		"kind: StatefulSet":                                                 "neither",
		"hostNetwork: true":                                                 "DaemonSet",
		"config: {listen: {udp: []}}":                                       "listen is",
		"autoscaling: {enabled: true, cpu: 0}":                              "needs cpu",
		"{kind: DaemonSet, hostNetwork: true, ipv6: true}":                  "ipv6",
		"service: {type: LoadBalancer, split: true, clusterIP: 10.96.0.53}": "split",
		"{kind: DaemonSet, hostNetwork: true, config: {process: {}}}":       "process is",
	} {
		if _, err := render(values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %q: %v, want %q", values, err, want)
		}
	}
}

// TestChartReplicas leaves the number of pods to the autoscaler where there is one: an upgrade
// would set it back, and the pods with their caches go (kyverno/kyverno pull request 13374,
// fluent/helm-charts pull request 745, helm/helm issue 7090). It removes them slowly
// (uberswe/createmod.com pull request 1097).
func TestChartReplicas(t *testing.T) {
	if o := read(t, "replicas: 3"); o.Deployment.Spec.Replicas == nil ||
		*o.Deployment.Spec.Replicas != 3 || o.Autoscaler != nil {
		t.Error("without an autoscaler the number is not that of the values")
	}
	o := read(t, "autoscaling: {enabled: true}")
	if o.Deployment.Spec.Replicas != nil {
		t.Error("there are an autoscaler and a number of replicas")
	}
	if s := o.Autoscaler.Spec.Behavior.ScaleDown; *s.StabilizationWindowSeconds < 300 {
		t.Error("pods are removed at once")
	}
	if o.Deployment.Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().IsZero() {
		t.Error("a percentage of no CPU that is requested")
	}
	if o := read(t, "kind: DaemonSet\nautoscaling: {enabled: true}"); o.Autoscaler != nil ||
		o.Budget != nil {
		t.Error("a DaemonSet has an autoscaler or a budget")
	}
}

// TestChartBudget lets one pod go, even the only one (helm/charts issues 7127 and 17984,
// jupyterhub/zero-to-jupyterhub-k8s issue 1934, lightdash/helm-charts pull request 146), and those
// that are broken.
func TestChartBudget(t *testing.T) {
	o := read(t, "replicas: 1")
	if b := o.Budget.Spec; b.MinAvailable != nil || b.MaxUnavailable == nil ||
		b.MaxUnavailable.IntValue() != 1 || b.UnhealthyPodEvictionPolicy == nil ||
		*b.UnhealthyPodEvictionPolicy != policy.AlwaysAllow {
		t.Errorf("a node cannot be drained: %+v", b)
	}
}

// TestChartPrivileges runs the server without any (kubernetes/dns issue 190, coredns/coredns issue
// 1767). With port 53 of the node it begins as root, as added capabilities are of no use to other
// users (hashicorp/docker-consul issue 15, traefik/traefik-helm-chart issue 516), and becomes
// another user, for which it needs four more.
func TestChartPrivileges(t *testing.T) {
	for _, values := range []string{"", "kind: DaemonSet", "kind: DaemonSet\nhostNetwork: true"} {
		o := read(t, values)
		p, host := o.template(), strings.Contains(values, "hostNetwork")
		c := p.Containers[0]
		s := c.SecurityContext
		if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem ||
			!slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) ||
			p.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault ||
			*p.AutomountServiceAccountToken {
			t.Errorf("with %q it has privileges: %+v", values, s)
		}
		binds := slices.Equal(s.Capabilities.Add, []core.Capability{"NET_BIND_SERVICE", "CHOWN",
			"SETGID", "SETPCAP", "SETUID"})
		if becomes := strings.Contains(o.ConfigMaps[0].Data["bailiwick.yaml"],
			"user: \"65534:65534\""); becomes != host {
			t.Errorf("with %q it becomes another user: %v", values, becomes)
		}
		if root := *p.SecurityContext.RunAsUser == 0; root != host || binds != host ||
			p.HostNetwork != host || !host && len(s.Capabilities.Add) > 0 {
			t.Errorf("with %q: root %v, capabilities %v", values, root, s.Capabilities.Add)
		}
		for _, port := range c.Ports {
			if strings.HasPrefix(port.Name, "dns") && (port.ContainerPort == 53) != host {
				t.Errorf("with %q it listens at port %d", values, port.ContainerPort)
			}
		}
	}
}

// TestChartOwnNames keeps the resolver from asking itself: neither its pod's resolv.conf nor the
// cluster's names lead it anywhere (kubernetes/kubernetes issues 49675 and 67299).
func TestChartOwnNames(t *testing.T) {
	for _, values := range []string{"", "kind: DaemonSet\nhostNetwork: true"} {
		o := read(t, values)
		if p := o.template(); p.DNSPolicy != core.DNSDefault || *p.EnableServiceLinks {
			t.Errorf("with %q: %s", values, p.DNSPolicy)
		}
	}
}

// TestChartProbes keeps pods in service whatever the network does, or all of them would be taken
// out at once (coredns/coredns pull requests 2547 and 3590, zalando-incubator/kubernetes-on-aws
// pull request 4187), and has a new pod wait until it resolves (coredns/deployment issue 63).
func TestChartProbes(t *testing.T) {
	o := read(t, "")
	c := o.template().Containers[0]
	if c.StartupProbe.HTTPGet.Path != "/readyz" || c.ReadinessProbe.HTTPGet.Path != "/healthz" ||
		c.LivenessProbe.HTTPGet.Path != "/healthz" {
		t.Error("probes ask for something else")
	}
	u := o.Deployment.Spec.Strategy.RollingUpdate
	if u.MaxUnavailable.IntValue() != 0 || u.MaxSurge.IntValue() != 1 {
		t.Error("a rollout takes pods away before others are there")
	}
}

// TestChartEnd gives a pod that stops the time for its drain, as nodes send it queries until they
// have heard of its end (kubernetes/kubernetes issues 48744, 71514, 125467 and 129617,
// coredns/coredns issue 5409).
func TestChartEnd(t *testing.T) {
	o := read(t, "drainSeconds: 20")
	if got := *o.template().TerminationGracePeriodSeconds; got < 20+2+5 {
		t.Errorf("it is killed after %d seconds", got)
	}
	if c := o.ConfigMaps[0].Data["bailiwick.yaml"]; !strings.Contains(c, "wait: 20s") {
		t.Errorf("the server does not drain for 20 seconds:\n%s", c)
	}
	if read(t, "").ConfigMaps[0].Data["bailiwick.yaml"] == o.ConfigMaps[0].Data["bailiwick.yaml"] {
		t.Error("drainSeconds changes nothing")
	}
}

// TestChartRestartsForItsConfiguration restarts pods when the file changes, and not for anything
// else (grafana/helm-charts pull request 2834, bitnami/charts issue 8707).
func TestChartRestartsForItsConfiguration(t *testing.T) {
	sum := func(values string) string {
		o := read(t, values)
		return o.Deployment.Spec.Template.Annotations["checksum/config"]
	}
	plain := sum("")
	if sum("config: {log: {level: debug}}") == plain {
		t.Error("another file restarts nothing")
	}
	if sum("service: {type: LoadBalancer}\nreplicas: 5") != plain {
		t.Error("pods restart though their file is the same")
	}
}

// TestChartServices has UDP and TCP in one service, or in two for load balancers that cannot mix
// them (helm/charts issue 22578, coredns/helm issue 26, kube-vip/kube-vip issue 859). Clients keep
// their addresses, and a node's clients ask the pod of the node.
func TestChartServices(t *testing.T) {
	protocols := func(s core.Service) (all []core.Protocol) {
		for _, p := range s.Spec.Ports {
			all = append(all, p.Protocol)
			if p.Port != 53 {
				t.Errorf("%s has port %d", s.Name, p.Port)
			}
		}
		return all
	}
	one := read(t, "service: {type: LoadBalancer}").Services[0]
	if got := protocols(one); len(got) != 2 ||
		one.Spec.ExternalTrafficPolicy != core.ServiceExternalTrafficPolicyLocal {
		t.Errorf("%v, %s", got, one.Spec.ExternalTrafficPolicy)
	}
	two := read(t, "service: {type: LoadBalancer, split: true}").Services
	if len(two) != 3 || two[0].Name == two[1].Name || len(protocols(two[0])) != 1 ||
		protocols(two[0])[0] == protocols(two[1])[0] {
		t.Errorf("services that are split: %v", two)
	}
	node := read(t, "kind: DaemonSet").Services[0]
	if p := node.Spec.InternalTrafficPolicy; p == nil ||
		*p != core.ServiceInternalTrafficPolicyLocal {
		t.Error("clients ask the pods of other nodes")
	}
}

// TestChartNetworkPolicy leaves the metrics to those who watch, and DNS to clients, over UDP and
// TCP.
func TestChartNetworkPolicy(t *testing.T) {
	n := read(t, "").NetworkPolicy.Spec
	for _, rule := range n.Ingress {
		admin := rule.Ports[0].Port.StrVal == "admin"
		if admin && len(rule.From) == 0 {
			t.Error("everybody may read the metrics")
		}
		if !admin && (len(rule.Ports) != 2 || len(rule.From) != 0) {
			t.Errorf("clients: %+v", rule)
		}
	}
	if len(n.Egress) != 1 || len(n.Egress[0].Ports) != 2 || len(n.PolicyTypes) != 2 {
		t.Errorf("servers: %+v", n.Egress)
	}
}

// TestChartMonitoring has rules and dashboards from deploy/prometheus and deploy/grafana, octet for
// octet: templates of alerts and dashboards are not taken for those of the chart.
func TestChartMonitoring(t *testing.T) {
	o := read(t, "monitoring: {serviceMonitor: true, rules: true, dashboards: true}")
	text, err := os.ReadFile("../prometheus/bailiwick.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := yaml.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(o.Rules) != 1 || !reflect.DeepEqual(o.Rules[0]["spec"], want) {
		t.Error("the rules are not those of deploy/prometheus")
	}
	files, err := filepath.Glob("../grafana/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	dashboards := o.ConfigMaps[slices.IndexFunc(o.ConfigMaps, func(c core.ConfigMap) bool {
		return c.Labels["grafana_dashboard"] != ""
	})]
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if dashboards.Data["bailiwick-"+filepath.Base(f)] != strings.TrimSpace(string(text)) {
			t.Errorf("%s is another one in the chart", f)
		}
	}
	if len(dashboards.Data) != len(files) {
		t.Errorf("%d dashboards of %d", len(dashboards.Data), len(files))
	}
	// The operator finds the service by labels that the one for clients does not have.
	m, err := json.Marshal(o.Monitors[0]["spec"])
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Selector  struct{ MatchLabels map[string]string }
		Endpoints []struct{ Port, Path, Interval string }
	}
	if err := yaml.UnmarshalStrict(m, &spec, yaml.DisallowUnknownFields); err != nil {
		t.Fatal(err)
	}
	found := slices.DeleteFunc(o.Services, func(s core.Service) bool {
		for k, v := range spec.Selector.MatchLabels {
			if s.Labels[k] != v {
				return true
			}
		}
		return false
	})
	if len(found) != 1 || found[0].Spec.Ports[0].Name != spec.Endpoints[0].Port {
		t.Errorf("the monitor finds %v", found)
	}
}
