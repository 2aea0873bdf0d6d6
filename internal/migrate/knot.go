// Knot Resolver: kresd.conf of 5, which is Lua, and config.yaml of 6.

package migrate

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"bailiwick/internal/pattern"
)

// knotDiffers is what is on by default here and off there, or the reverse.
var knotDiffers = []string{
	"ANY over UDP is answered with one RRset (RFC 8482): server.any: full",
	"cookies are answered: server.cookies",
	"several rules for names: the longest name decides, and not the first rule",
	"special-use names as home.arpa, .local, .internal are answered here: policy.special_names, " +
		"policy.ordinary_names",
}

var (
	knotCall = pattern.New(`(?m)^\s*(?:net\.(?:listen|ipv6|ipv4|tls)\b|` +
		`cache\.(?:size|open)\b|policy[.:]add\s*\(|view:addr|` +
		`hints\.|trust_anchors\.|modules(?:\.load\s*\(|\s*=\s*\{))`)
	knotSection = pattern.New(`(?m)^(?:network|forward|local-data|views|rundir|workers|` +
		`management|cache|options|dns64|dnssec):`)
)

func isKnot(text string) bool {
	return knotCall.In(text) || knotSection.In(text) && !unboundOption.In(text)
}

// knot is a conversion.
type knot struct {
	*builder
	files
	access    matchList
	actions   []string // of the elements of access
	from      []*directive
	ruled     []string // names that a rule holds for, and those below them
	unkept    []string // names whose data are not kept
	listening bool
	anchors   bool // there is a trust anchor
}

func convertKnot(path string, b *builder) error {
	b.loopback = true
	k := &knot{builder: b, files: files{folder: filepath.Dir(path)}, anchors: true}
	err := k.read(path, func(path, text string) error {
		if knotCall.In(text) || !knotSection.In(text) {
			return k.lua(path, text)
		}
		return k.yaml(path, text)
	})
	if err != nil {
		return err
	}
	if !k.listening {
		for _, a := range []string{"127.0.0.1", "::1"} {
			k.listen(defaultOf("listen", a), a, "53", "dns")
		}
	}
	if !k.anchors {
		k.set("validator.validation", "false", defaultOf("no trust anchor"))
	}
	if len(b.values["stale.enabled"]) == 0 {
		k.tell(staleServed)
	}
	return nil
}

// listen adds a listener.
func (k *knot) listen(d *directive, address, port, kind string) {
	k.listening = true
	address, at, ported := strings.Cut(address, "@")
	if ported {
		port = at
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		k.lose(d, "an interface is named by its addresses here; nearest: listen.udp, listen.tcp")
		return
	}
	if kind == "" {
		kind = map[string]string{"853": "tls", "443": "doh2"}[port]
	}
	keys := map[string][]string{"": {"listen.udp", "listen.tcp"}, "dns": {"listen.udp",
		"listen.tcp"}, "tls": {"listen.dot"}, "dot": {"listen.dot"}, "doh2": {"listen.doh"}}[kind]
	switch kind {
	case "webmgmt", "control":
		k.leave(d, "nearest: admin.listen, control.socket")
		return
	}
	if keys == nil {
		k.lose(d, "a listener of the kind %s; nearest: listen.doh", kind)
	}
	for _, key := range keys {
		k.add(key, quote(joined(a, port)), d)
	}
}

// mayAsk adds what holds for a network of clients.
func (k *knot) mayAsk(d *directive, n netip.Prefix, action string) {
	k.access = append(k.access, element{network: n})
	k.actions, k.from = append(k.actions, action), append(k.from, d)
}

// clientAccess converts who may ask: everybody, but for what views say. first tells that the
// first one that fits decides, and not the longest network.
func (k *knot) clientAccess(first bool) {
	ruleOf := func(p netip.Prefix) int {
		longest, rule := -1, -1
		for i, e := range k.access {
			if e.network.Bits() > p.Bits() || !e.network.Contains(p.Addr()) {
				continue
			}
			if first {
				return i
			}
			if e.network.Bits() >= longest {
				longest, rule = e.network.Bits(), i
			}
		}
		return rule
	}
	networks, actions := decide(regions(k.access), "refuse", func(p netip.Prefix) string {
		if i := ruleOf(p); i >= 0 {
			return k.actions[i]
		}
		return "allow"
	})
	for i, p := range networks {
		d := defaultOf("everybody may ask")
		if rule := ruleOf(p); rule >= 0 {
			d = k.from[rule]
		}
		k.add(accessKey, quote(p.String()+" "+actions[i]), d)
	}
	if len(networks) == 0 {
		k.add(accessKey, quote("0.0.0.0/0 refuse"), k.from[0])
	}
}

// within reports whether an earlier rule holds for a name, and notes that one does from now on.
func (k *knot) within(name string) bool {
	name = strings.ToLower(zoneName(name))
	for _, o := range k.ruled {
		if o == "." || name == o || strings.HasSuffix(name, "."+o) {
			return true
		}
	}
	k.ruled = append(k.ruled, name)
	return false
}

// block converts a rule that answers names with nxdomain, refuse or drop.
func (k *knot) block(d *directive, name, typ string) {
	if name == "." {
		k.lose(d, "nobody would get any answer; nearest: policy.access")
		return
	}
	k.add("policy.local_zones", fmt.Sprintf("{name: %s, type: %s}", quote(name), typ), d)
}

// host adds an address of a name, and the name of the address.
func (k *knot) host(d *directive, name, address string) {
	a, err := netip.ParseAddr(address)
	if err != nil {
		k.lose(d, "%v; nearest: policy.local_records", err)
		return
	}
	typ := "AAAA"
	if a.Is4() {
		typ = "A"
	}
	name = strings.TrimSuffix(name, ".") + "."
	k.add("policy.local_records", quote(name+" "+typ+" "+a.String()), d)
	k.add("policy.local_records", quote(reverse(a)+" PTR "+name), d)
}

// policyFile adds a file of a response policy zone.
func (k *knot) policyFile(d *directive, file string) {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if text, err := readFile(k.path(file), maxTotal); err == nil {
		if m := rpzOrigin.Get().FindStringSubmatch(text); m != nil {
			name = zoneName(m[1])
		}
	}
	k.tell("policy zones do not rewrite secure answers of clients that set DO: break_dnssec: true")
	k.add("policy.rpz", fmt.Sprintf("{name: %s, file: %s}", quote(name), quote(k.path(file))), d)
}

var rpzOrigin = pattern.New(`(?m)^\$ORIGIN[ \t]+([^\s;]+)`)

// privateNetworks are those that the module rebinding keeps out of answers.
var privateNetworks = []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
	"169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10", "::1/128"}

// rebinding keeps private addresses out of answers.
func (k *knot) rebinding(d *directive) {
	for _, n := range privateNetworks {
		k.add("policy.private_addresses", quote(n), d)
	}
	k.tell("answers with private addresses were refused; here they have no records: " +
		"policy.private_addresses")
}

// prefix64 adds a prefix of DNS64, which may lack its length.
func (k *knot) prefix64(d *directive, prefix string) {
	if !strings.Contains(prefix, "/") {
		prefix += "/96"
	}
	k.set("policy.dns64.enabled", "true", d)
	k.add("policy.dns64.prefixes", quote(prefix), d)
}

// cacheSize sets the cache's size.
func (k *knot) cacheSize(d *directive, octets int64) {
	k.set("cache.memory", quote(fmt.Sprintf("%dMiB", max(1, octets>>20))), d)
}

// server adds a server to a zone, whose servers are all asked alike.
func (k *knot) server(z *zone, d *directive, address string, tls bool, name string) {
	if len(z.addrs) > 0 && tls != z.tls {
		k.lose(d, "all servers of a zone are asked alike; nearest: transport of %s", z.key())
		return
	}
	if z.tls = tls; tls {
		address += "#" + name
	}
	z.server(address, k.builder, d)
}
