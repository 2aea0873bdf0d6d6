// What a game day configures the programs with.

package gameday

import (
	"fmt"
	"strings"

	"bailiwick/deploy/prometheus"
	"bailiwick/internal/pattern"
)

// pending is how long an alert waits before it fires.
var pending = pattern.New(`for: \d+[mh]`)

// Rules returns the rules of deploy/prometheus in a hurry: an alert waits for a second, and one
// client network is enough.
func Rules() string {
	quick := pending.Get().ReplaceAllString(prometheus.Rules, "for: 1s")
	return strings.ReplaceAll(quick, `{maintenance="false"}) >= 10`, `{maintenance="false"}) >= 1`)
}

// PrometheusConfig returns a configuration of Prometheus that has the rules in rules.yml beside it,
// and looks at a server each second.
func PrometheusConfig(admin string) string {
	return fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"+
		"rule_files: [rules.yml]\n"+
		"scrape_configs: [{job_name: bailiwick, static_configs: [{targets: [%q]}]}]\n", admin)
}

// ServerConfig returns a configuration of a resolver whose root is that of a lab: it answers at
// listen, forgets soon, and watches the zones that are broken.
func ServerConfig(listen, admin, socket, rootName, rootAddress, anchor string) string {
	return fmt.Sprintf("listen: {udp: [%q], tcp: [%q]}\nadmin: {listen: %q}\n"+
		"control: {socket: %q}\n"+
		"resolver: {ipv6: false, root_hints: [{name: %s, address: %s}], "+
		"do_not_query_localhost: false}\n"+
		"trust_anchors: {builtin: false, records: [%q]}\npolicy: {special_names: false}\n"+
		"shutdown: {wait: 0, answers: 0}\nincidents: {queries: 2, settle: 1s}\n"+
		"cache: {max_ttl: 1s}\nlog: {level: error}\n"+
		"watch: {zones: [bank.example, shop.example, post.example]}\n", listen, listen, admin,
		socket, rootName, rootAddress, strings.ReplaceAll(anchor, "\t", " "))
}
