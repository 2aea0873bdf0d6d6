// Response policy zones beside BIND, PowerDNS Recursor, Unbound and Knot Resolver: random rules,
// random questions.

package interop

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

const (
	recursorAddr = "127.0.0.1:5334"
	knotAddr     = "127.0.0.1:5335"
)

// policyWorld is an internet of a few unsigned zones whose names random rules are about.
type policyWorld struct {
	*lab.World
	names   []string
	targets map[string]string     // of aliases
	addrs   map[string]netip.Addr // of names with an A record
}

func newPolicyWorld(random *rand.Rand) *policyWorld {
	w := &policyWorld{World: lab.New(time.Now()), targets: map[string]string{},
		addrs: map[string]netip.Addr{}}
	w.Add(lab.Zone{Name: "example."})
	for i := range 6 {
		zone := fmt.Sprintf("z%d.example.", i)
		var lines []string
		for h := range 12 {
			target := fmt.Sprintf("h%d.z%d.example.", random.IntN(14), random.IntN(6))
			lines = append(lines, fmt.Sprintf("h%d A 192.0.%d.%d", h, i, h+1),
				fmt.Sprintf("h%d AAAA 2001:db8:%d::%d", h, i, h+1),
				fmt.Sprintf("a%d CNAME %s", h, target),
				fmt.Sprintf("d%d.deep A 192.0.%d.%d", h, i, h+100))
			w.targets[fmt.Sprintf("a%d.%s", h, zone)] = target
			for label, last := range map[string]int{"h%d.": h + 1, "d%d.deep.": h + 100} {
				w.addrs[fmt.Sprintf(label, h)+zone] = netip.AddrFrom4([4]byte{192, 0, byte(i),
					byte(last)})
			}
			for _, label := range []string{"h", "a", "no"} {
				w.names = append(w.names, fmt.Sprintf("%s%d.%s", label, h, zone))
			}
			w.names = append(w.names, fmt.Sprintf("d%d.deep.%s", h, zone))
		}
		w.Add(lab.Zone{Name: zone, Algorithm: lab.Unsigned, Records: strings.Join(lines, "\n")})
	}
	w.Add(lab.Zone{Name: "garden.example.", Algorithm: lab.Unsigned,
		Records: "www A 198.51.100.1\n*.all A 198.51.100.2"})
	return w
}

// randomPolicy is a policy zone of rules about names and addresses.
type randomPolicy struct {
	owners   map[string]string // their records; without the zone's name, with the final dot
	networks []netip.Prefix
	text     string
}

func newPolicy(random *rand.Rand, names []string) *randomPolicy {
	actions := []string{"CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-tcp-only.",
		"A 10.9.8.7", "CNAME www.garden.example.", "CNAME *.all.garden.example."}
	p := &randomPolicy{owners: map[string]string{},
		text: "$TTL 60\n@ SOA ns. host. 1 3600 600 86400 60\n@ NS ns.\n"}
	for range 40 {
		owner := names[random.IntN(len(names))]
		if random.IntN(3) == 0 { // all below it, or beside it
			_, parent, _ := strings.Cut(owner, ".")
			owner = "*." + []string{owner, parent}[random.IntN(2)]
		}
		if p.owners[owner] == "" {
			p.owners[owner] = actions[random.IntN(len(actions))]
			p.text += strings.TrimSuffix(owner, ".") + " " + p.owners[owner] + "\n"
		}
	}
	for range 8 {
		bits, last, zone := 32, random.IntN(14), random.IntN(6)
		if random.IntN(2) == 0 {
			bits, last = 28, 16*random.IntN(8)
		}
		n := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(zone), byte(last)}), bits)
		if !slices.Contains(p.networks, n) {
			p.networks = append(p.networks, n)
			p.text += fmt.Sprintf("%d.%d.%d.0.192.rpz-ip %s\n", bits, last, zone,
				actions[random.IntN(len(actions))])
		}
	}
	return p
}

// about reports whether a rule is about a name, as wildcards of zones are (RFC 4592), and whether
// one would be if they were about all names below theirs.
func (p *randomPolicy) about(name string) (is, loosely bool) {
	if p.owners[name] != "" {
		return true, true
	}
	between := false
	for up := name; up != ""; {
		for o := range p.owners {
			between = between || o == up || strings.HasSuffix(o, "."+up)
		}
		if _, up, _ = strings.Cut(up, "."); p.owners["*."+up] != "" {
			return !between, true
		}
	}
	return false, false
}

// reason says why an answer may be another one than BIND's or PowerDNS's; "" if nothing does.
func (w *policyWorld) reason(ps []*randomPolicy, other, name string,
	qt uint16) string {
	var names, networks [2]bool
	for n := name; n != ""; n = w.targets[n] {
		for i, p := range ps {
			is, loosely := p.about(n)
			if is != loosely && (other == "PowerDNS" || other == "Unbound") {
				return "wildcards are about all names below theirs (PowerDNS/pdns 8231)"
			}
			names[i] = names[i] || is
			networks[i] = networks[i] || slices.ContainsFunc(p.networks,
				func(of netip.Prefix) bool { return of.Contains(w.addrs[n]) })
		}
	}
	if other == "Knot" {
		return w.reasonOfKnot(ps, name, names, networks)
	}
	switch {
	case other == "Unbound" && qt == dns.TypeCNAME && names != [2]bool{}:
		return "a question for the alias of a rule gets its wildcard as it is"
	case names[1] && networks[0]:
		return "the second zone's rule about a name comes before the first one's about an address"
	case other == "PowerDNS" && w.targets[name] != "" &&
		(names != [2]bool{} || networks != [2]bool{}):
		return "what leads to a name that a rule is about is left out"
	}
	return ""
}

// reasonOfKnot says why an answer may be another one than that of Knot Resolver's policy.rpz.
func (w *policyWorld) reasonOfKnot(ps []*randomPolicy, name string, names,
	networks [2]bool) string {
	alias := slices.ContainsFunc(ps, func(p *randomPolicy) bool {
		for owner, action := range p.owners {
			below, wild := strings.CutPrefix(owner, "*")
			if strings.HasSuffix(action, "garden.example.") &&
				(owner == name || wild && strings.HasSuffix(name, below)) {
				return true
			}
		}
		return false
	})
	ruled := names != [2]bool{}
	switch {
	case networks != [2]bool{}:
		return "it has no rules about addresses"
	case alias:
		return "it has no aliases as actions"
	case ruled && w.targets[name] != "":
		return "its rules are about the name that is asked for alone"
	}
	for _, p := range ps {
		if is, loosely := p.about(name); is != loosely {
			return "its wildcards are about all names below theirs"
		}
		if is, _ := p.about(name); is && p.passes(name) {
			return "a name that is let through is looked for in the next zone"
		}
	}
	return ""
}

// passes reports whether any rule about a name lets it through.
func (p *randomPolicy) passes(name string) bool {
	for owner, action := range p.owners {
		below, wild := strings.CutPrefix(owner, "*")
		if strings.Contains(action, "passthru") && (owner == name ||
			wild && strings.HasSuffix(name, below)) {
			return true
		}
	}
	return false
}

// TestPolicyZonesBeside compares the answers under two random policy zones. Unbound 1.17 is asked
// for no aliases: it ends at the first one whose target a rule is about.
func TestPolicyZonesBeside(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "named", "pdns_recursor", "unbound", "kresd"})
		return
	}
	seed, n := fromEnvironment(t, "INTEROP_SEED", 1), fromEnvironment(t, "INTEROP_QUESTIONS", 2000)
	random := rand.New(rand.NewPCG(uint64(seed), 1))
	loopback(t)
	w := newPolicyWorld(random)
	root, dir := listen(t, w.World), folder(t.TempDir())
	dir.write(t, "hints", root.hints())
	var policies []*randomPolicy
	for _, zone := range []string{"one", "two"} {
		p := newPolicy(random, w.names)
		policies = append(policies, p)
		dir.write(t, zone+".rpz", p.text)
		dir.write(t, zone+".pdns", "$ORIGIN "+zone+".rpz.\n"+p.text)
	}
	dir.enforcing(t)
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeCNAME}
	counts := map[string]int{}
	for range n {
		name, qt := w.names[random.IntN(len(w.names))], types[random.IntN(len(types))]
		got := toldOf(bailiwickAddr, name, qt)
		for other, at := range map[string]string{"BIND": bindAddr, "PowerDNS": recursorAddr,
			"Unbound": unboundAddr, "Knot": knotAddr} {
			if other == "Unbound" && w.targets[name] != "" {
				continue
			}
			want := toldOf(at, name, qt)
			if strings.HasPrefix(want, "SERVFAIL") { // Knot Resolver does now and then, once
				want = toldOf(at, name, qt)
			}
			why := "the same"
			if got != want {
				why = w.reason(policies, other, name, qt)
			}
			if counts[other+": "+why]++; why == "" {
				t.Errorf("%s %s: %s; %s: %s", name, dns.TypeToString[qt], got, other, want)
			}
		}
	}
	for what, count := range counts {
		t.Logf("%d of %d: %s", count, n, what)
	}
}

// toldOf is what a client without DO hears over UDP.
func toldOf(at, name string, qt uint16) string {
	c := dns.Client{Timeout: patience}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, qt), at)
	switch {
	case err != nil:
		return err.Error()
	case m.Truncated:
		return "truncated"
	}
	return verdict(m)
}

// enforced is a policy zone as the resolvers are told of it, and what is done in place of what its
// rules say: "" (nothing), log-only or nodata.
type enforced struct{ name, action string }

// enforcing starts the resolvers with the two policy zones.
func (d folder) enforcing(t *testing.T) {
	t.Helper()
	hints, zones := d.path("hints"), []enforced{{name: "one"}, {name: "two"}}
	d.enforcingOwn(t, zones)
	d.enforcingBIND(t, zones)
	d.enforcingRecursor(t, zones)
	start(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", fmt.Sprintf("server:\n"+
		"  interface: 127.0.0.1@5301\n  do-ip6: no\n  do-daemonize: no\n  use-syslog: no\n"+
		"  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n  do-not-query-localhost: no\n"+
		"  root-hints: %q\n  module-config: \"respip iterator\"\n"+
		"rpz:\n  name: one.rpz\n  zonefile: %q\nrpz:\n  name: two.rpz\n  zonefile: %q\n"+
		"remote-control:\n  control-enable: no\n", hints, d.path("one.pdns"),
		d.path("two.pdns"))))
	if err := os.MkdirAll(d.path("kresd"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, "kresd", "-n", "-c", d.write(t, "kresd.conf", fmt.Sprintf("log_level('crit')\n"+
		"net.ipv6 = false\nnet.listen('127.0.0.1', 5335, { kind = 'dns' })\n"+
		"cache.open(50*MB, 'lmdb://%s')\nmodules = { 'hints > iterate', 'policy' }\n"+
		"hints.root_file(%q)\nfor _, m in ipairs({'ta_update','ta_signal_query','priming',"+
		"'detect_time_skew','detect_time_jump'}) do pcall(modules.unload, m) end\n"+
		"trust_anchors.remove('.')\n"+
		"policy.add(policy.rpz(policy.DENY, %q))\npolicy.add(policy.rpz(policy.DENY, %q))\n",
		d.path("kresd"), hints, d.path("one.pdns"), d.path("two.pdns"))), d.path("kresd"))
	for _, at := range []string{bindAddr, bailiwickAddr, recursorAddr, unboundAddr, knotAddr} {
		awaitGarden(t, at)
	}
}

// awaitGarden waits until a resolver answers for a name that no rule is about.
func awaitGarden(t *testing.T, at string) {
	t.Helper()
	await(t, at, "www.garden.example.", dns.TypeA, func(m *dns.Msg) bool {
		return len(m.Answer) > 0
	})
}

// enforcingOwn starts Bailiwick with policy zones.
func (d folder) enforcingOwn(t *testing.T, zones []enforced) {
	t.Helper()
	text := ""
	for _, z := range zones {
		text += fmt.Sprintf("    - {name: %s.rpz, file: %q", z.name, d.path(z.name+".rpz"))
		if z.action != "" {
			text += ", action: " + z.action
		}
		text += "}\n"
	}
	start(t, build(t, string(d)), "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q], tcp: [%q]}\nadmin: {listen: \"\"}\ncontrol: {socket: \"\"}\n"+
			"log: {level: error}\nvalidator: {validation: off}\n"+
			"resolver: {ipv6: false, do_not_query_localhost: false, root_hints_file: %q}\n"+
			"policy:\n  rpz:\n%s", bailiwickAddr, bailiwickAddr, d.path("hints"), text)))
}

// enforcingBIND starts BIND with policy zones, and waits until it applies them: it answers before.
func (d folder) enforcingBIND(t *testing.T, zones []enforced) {
	t.Helper()
	actions := map[string]string{"": "given", "log-only": "disabled", "nodata": "nodata"}
	order, files := "", ""
	for _, z := range zones {
		order += fmt.Sprintf("zone \"%s.rpz\" policy %s; ", z.name, actions[z.action])
		files += fmt.Sprintf("zone \"%[1]s.rpz\" { type primary; file \"%[1]s.rpz\"; };\n", z.name)
	}
	start(t, "named", "-f", "-4", "-n", "1", "-c", d.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on port 5302 { 127.0.0.1; }; listen-on-v6 { none; }; "+
			"recursion yes; pid-file none; session-keyfile none; dnssec-validation no; "+
			"response-policy { %s } break-dnssec yes qname-wait-recurse yes nsip-enable yes "+
			"nsdname-enable yes; };\ncontrols { };\nlogging { channel all { file \"named.log\"; "+
			"}; category default { all; }; };\nzone \".\" { type hint; file \"hints\"; };\n%s",
		string(d), order, files)))
	for _, z := range zones {
		eventually(t, "BIND applies "+z.name, func() bool {
			log, err := os.ReadFile(d.path("named.log"))
			return err == nil && strings.Contains(string(log),
				"rpz: "+z.name+".rpz: reload done")
		})
	}
}

// enforcingRecursor starts PowerDNS Recursor with policy zones. It has no action that only logs:
// such zones are left out. Its packet cache is off, as that gives what a rule about one client has
// made to all others.
func (d folder) enforcingRecursor(t *testing.T, zones []enforced) {
	t.Helper()
	lua := ""
	for _, z := range zones {
		override := ""
		switch z.action {
		case "log-only":
			continue
		case "nodata":
			override = ", defpol=Policy.NODATA"
		}
		lua += fmt.Sprintf("rpzFile(%q, {policyName='%s'%s})\n", d.path(z.name+".pdns"), z.name,
			override)
	}
	d.write(t, "recursor.lua", lua)
	d.write(t, "recursor.conf", fmt.Sprintf("local-address=127.0.0.1\nlocal-port=5334\n"+
		"hint-file=%s\ndnssec=off\ndont-query=\nsocket-dir=%s\ndaemon=no\nwrite-pid=no\n"+
		"lua-config-file=%s\nsecurity-poll-suffix=\nthreads=1\n"+
		"disable-packetcache=yes\n", d.path("hints"), string(d), d.path("recursor.lua")))
	start(t, "pdns_recursor", "--config-dir="+string(d))
}
