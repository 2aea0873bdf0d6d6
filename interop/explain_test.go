// What bailiwick explain, dnsviz, delv and drill say of the same broken zones.

package interop

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

var allFaults = flag.Bool("explain.all", false,
	"look at all faults with all tools, which takes fifteen minutes; without it at some")

var someFaults = flag.String("explain.only", "",
	"look at names that this matches alone, and print what the tools do")

// brokenZones are broken zones of the lab, with the words by which a tool names the fault. These
// are looked for in all that the tool prints, without the names of the zones, which are telling.
// They are meant to be generous: whatever an expert would take for the fault counts.
var brokenZones = []struct {
	name, qtype, zone string
	words             string
	quick             bool // looked at in CI, too
}{
	{"www.expired.faulty", "A", "expired", `(?i)expired|EXPIRATION_IN_PAST`, true},
	{"www.sub.expired.faulty", "A", "expired", `(?i)expired|EXPIRATION_IN_PAST`, false},
	{"www.future.faulty", "A", "future", `IN_FUTURE|not begun|not incepted|in the future`, false},
	{"www.reversed.faulty", "A", "reversed",
		`(?s)IN_FUTURE.*IN_PAST|earlier than inception|expires before it begins`, false},
	{"www.missing-signatures.faulty", "A", "missing-signatures",
		`MISSING_RRSIG|No DNSSEC signature|without a signature`, false},
	{"www.corrupt-signatures.faulty", "A", "corrupt-signatures",
		`SIGNATURE_INVALID|failed to verify|Bogus DNSSEC signature|signature does not verify`,
		false},
	{"www.wrong-keys.faulty", "A", "wrong-keys",
		`No keys with the keytag|no DNSKEY of the zone made the signature`, false},
	{"www.ds-mismatch.faulty", "A", "ds-mismatch",
		`DIGEST_INVALID|no DNSKEY matching DS|no chain to a trusted key or ds|matches the DS`,
		true},
	{"www.no-keys.faulty", "A", "no-keys",
		`MISSING_SEP|No DNSKEY record found for ZONE|no DNSKEY could be had`, false},
	{"www.no-denial.faulty", "TXT", "no-denial", `MISSING_NSEC|proof .* is missing`, false},
	{"no.wrong-denial.faulty", "A", "wrong-denial",
		`SNAME_NOT_COVERED|proof does not show`, true},
	{"x.wild.no-wildcard-proof.faulty", "A", "no-wildcard-proof",
		`MISSING_NSEC_FOR_WILDCARD|noqname proof not found|than the wildcard is missing`, true},
	{"www.stripping.faulty", "A", "stripping", `MISSING_RRSIG|without a signature`, false},
	{"www.forging.faulty", "A", "forging",
		`SIGNATURE_INVALID|failed to verify|Bogus DNSSEC signature|signature does not verify`,
		false},
	{"www.dead.faulty", "A", "dead", `UNRESPONSIVE|TIMEOUT|(?i)timed out|no server answered`,
		false},
	{"www.refusing.faulty", "A", "refusing", `REFUSED|refuse to answer`, false},
	{"www.failing.faulty", "A", "failing", `RCODE:SERVFAIL|servers say SERVFAIL`, false},
	{"www.lame.faulty", "A", "lame", `(?i)lame|not authoritative`, false},
	{"www.always-tc.faulty", "A", "always-tc", `(?i)truncated|TC bit`, false},
	{"www.garbage.faulty", "A", "garbage",
		`INVALID_RESPONSE|Invalid compression|malformed`, false},
	{"www.loop-a.faulty", "A", "loop-a", `(?i)depend on the zone itself|glue.*loop`, false},
	{"a.aliases.faulty", "A", "aliases", `CNAME_LOOP|comes back to itself`, false},

	// What was seen in public, again and again.
	{"www.stuck.faulty", "A", "stuck",
		`DIGEST_INVALID|MISSING_SEP|no DNSKEY matching DS|no chain to a trusted key or ds|` +
			`matches the DS`, false},
	{"www.unsigned-ksk.faulty", "A", "unsigned-ksk",
		`MISSING_SEP|MISSING_RRSIG_FOR_ALG_DS|over the DNSKEY set`, false},
	{"www.hidden.faulty", "A", "hidden",
		`MISSING_SEP|No DNSKEY record found for ZONE|no DNSKEY could be had`, false},
	{"www.flags.faulty", "A", "flags", `(?i)zone[ -]key|ZONE flag`, false},
	{"www.revoked.faulty", "A", "revoked", `(?i)revoked`, false},
	{"www.protocol.faulty", "A", "protocol", `(?i)protocol`, false},
	{"www.algorithm.faulty", "A", "algorithm", `(?i)ALGORITHM_NOT_SUPPORTED|` +
		`unsupported algorithms?|no supported algorithm`, false},
	{"www.digest.faulty", "A", "digest", `(?i)DIGEST_ALGORITHM_NOT_SUPPORTED|` +
		`digests of unsupported|no supported algorithm/digest`, false},
	{"no.iterations.faulty", "A", "iterations", `(?i)iterations`, false},
	{"www.no-tcp.faulty", "A", "no-tcp", `(?i)over TCP|TCP.*(time|fail)`, false},
	{"www.referral-bomb.faulty", "A", "referral-bomb",
		`(?i)name servers without an address`, false},
}

// breakKeys adds zones whose keys are at a step where rollovers were seen to fail.
func breakKeys(w *lab.World) {
	const records = "www A 192.0.2.1"
	w.Add(lab.Zone{Name: "hidden.faulty.", Records: records,
		Servers: []lab.ServerFaults{{lab.SplitHorizon}}})
	changed := map[string]func(*dns.DNSKEY){
		"flags.faulty.":    func(k *dns.DNSKEY) { k.Flags = dns.SEP },
		"revoked.faulty.":  func(k *dns.DNSKEY) { k.Flags |= dns.REVOKE },
		"protocol.faulty.": func(k *dns.DNSKEY) { k.Protocol = 4 },
	}
	for _, name := range append([]string{"stuck.faulty.", "unsigned-ksk.faulty."},
		slices.Collect(maps.Keys(changed))...) {
		w.Add(lab.Zone{Name: name, Records: records})
	}
	now := time.Now()
	for name, change := range changed {
		k := w.NewKey(name, 0, true)
		change(k.DNSKEY)
		w.SetKeys(name, lab.Keys{Published: []lab.ZoneKey{k}, Entry: []lab.ZoneKey{k},
			Signing: []lab.ZoneKey{k}, DS: []lab.ZoneKey{k}}, now)
	}
	old, next := w.OwnKey("stuck.faulty."), w.NewKey("stuck.faulty.", 0, true)
	w.SetKeys("stuck.faulty.", lab.Keys{Published: []lab.ZoneKey{next},
		Entry: []lab.ZoneKey{next}, Signing: []lab.ZoneKey{next}, DS: []lab.ZoneKey{old}}, now)
	ksk, zsk := w.OwnKey("unsigned-ksk.faulty."), w.NewKey("unsigned-ksk.faulty.", 0, false)
	w.SetKeys("unsigned-ksk.faulty.", lab.Keys{Published: []lab.ZoneKey{ksk, zsk},
		Entry: []lab.ZoneKey{zsk}, Signing: []lab.ZoneKey{zsk}, DS: []lab.ZoneKey{ksk}}, now)
}

// tools are what is compared. The words in braces are replaced.
var tools = []struct{ name, command string }{
	{"explain", "{dir}/bailiwick explain --config {dir}/bailiwick.yaml {name} {type}"},
	{"dnsviz", "dnsviz probe -A -4 -a . -x .+:{root} -R {type} -o {dir}/{name}.json {name}; " +
		"dnsviz print -t {dir}/anchor.key -r {dir}/{name}.json"},
	{"delv", "delv -4 +vtrace +cd -a {dir}/delv.keys +root=. @127.0.0.1 -p 5303 {name} {type}"},
	{"drill", "drill -TD -k {dir}/anchor.key -r {dir}/hints {name}. {type}"},
}

// TestExplainBesideOthers puts explain, dnsviz, delv and drill before the lab's servers on
// loopback. Explain has to name each fault; who else does is logged as the table of
// docs/explain.md.
func TestExplainBesideOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enterWith(t, []string{"ip", "unshare", "dnsviz", "delv", "drill"},
			fmt.Sprintf("-explain.all=%v", *allFaults), "-explain.only="+*someFaults)
		return
	}
	loopback(t)
	for _, words := range []string{"addr add 203.0.113.5/32 dev lo",
		"route add default dev lo src 203.0.113.5"} { // dnsviz wants a global address
		if out, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "sub.expired.faulty.", Records: "www A 192.0.2.1"})
	breakKeys(w)
	root, d := listen(t, w), folder(t.TempDir())
	prepareTools(t, root, d)
	var table strings.Builder
	for _, c := range brokenZones {
		if !regexp.MustCompile(*someFaults).MatchString(c.name) || !c.quick && !*allFaults {
			continue
		}
		fmt.Fprintf(&table, "| %s %s |", c.name, c.qtype)
		for _, tool := range tools {
			out := runTool(t, tool.command, root, string(d), c.name, c.qtype)
			out = strings.ReplaceAll(out, c.zone+".faulty", "ZONE")
			found := regexp.MustCompile(c.words).FindString(out)
			if *someFaults != "" {
				t.Logf("%s of %s:\n%s", tool.name, c.name, out)
			}
			if found == "" && tool.name == "explain" {
				t.Errorf("%s: explain does not name the fault:\n%s", c.name, out)
			}
			fmt.Fprintf(&table, " %s |", strings.Join(strings.Fields(lastOf(found)), " "))
		}
		table.WriteByte('\n')
	}
	t.Logf("\n%s", &table)
}

// lastOf returns the last line of what was found, or a dash.
func lastOf(found string) string {
	if found == "" {
		return "–"
	}
	return found[strings.LastIndexByte(found, '\n')+1:]
}

// prepareTools writes the files that the tools are told of the lab by, and starts the resolver that
// delv asks.
func prepareTools(t *testing.T, root root, d folder) {
	t.Helper()
	bin := build(t, string(d))
	ds := strings.Fields(root.anchor)
	d.write(t, "delv.keys", fmt.Sprintf("trust-anchors { . static-ds %s %s %s \"%s\"; };\n", ds[4],
		ds[5], ds[6], ds[7]))
	m, err := ask(root.address+":53", ".", dns.TypeDNSKEY)
	if err != nil || len(m.Answer) == 0 {
		t.Fatalf("the root's keys: %v", err)
	}
	d.write(t, "anchor.key", m.Answer[0].String()+"\n")
	d.write(t, "hints", root.hints())
	conf := d.write(t, "bailiwick.yaml", fmt.Sprintf("listen: {udp: [%q], tcp: [%q]}\n"+
		"admin: {listen: \"\"}\ncontrol: {socket: \"\"}\nlog: {level: error}\n"+
		"resolver: {ipv6: false, root_hints: [{name: %s, address: %s}], "+
		"do_not_query_localhost: false}\ntrust_anchors: {builtin: false, records: [%q]}\n",
		bailiwickAddr, bailiwickAddr, root.server, root.address, root.anchor))
	launch(t, bin, "serve", "--config", conf)
	await(t, bailiwickAddr, "nic.example.", dns.TypeA, func(m *dns.Msg) bool {
		return m.Rcode == dns.RcodeSuccess
	})
}

// runTool runs a tool for a name, for a minute at most, and returns what it prints.
func runTool(t *testing.T, command string, root root, dir, name, qtype string) string {
	t.Helper()
	command = strings.NewReplacer("{dir}", dir, "{root}", root.server+"="+root.address, "{name}",
		name, "{type}", qtype).Replace(command)
	// What fails prints why, and takes another exit status.
	out, _ := exec.Command("timeout", "60", "sh", "-c", command).CombinedOutput()
	return string(out)
}

// explainReal has explain name the faults of zones that BIND, NSD and Knot DNS serve, which their
// own tools have signed. The keys of expired.test. are signed as its data are, and have expired as
// well: that is the fault, and no key is missing (PowerDNS/pdns 10936).
func explainReal(t *testing.T, dir string) {
	for name, want := range map[string][]string{
		"www.expired.test": {"the signature over the DNSKEY set of expired.test.",
			"signature_expired", "expired"},
		"www.bogus.test": {"the signature of bogus.test. over www.bogus.test./A",
			"signature_invalid"},
		"www.mismatch.test": {"the link from the DS set of mismatch.test. at test.",
			"ds_mismatch", "digest differs, DNSKEY"},
		"www.rsa.test":       {"the answer is secure", "KSK", "ZSK", "RSASHA256 2048 bits"},
		"missing.nsec3.test": {"there is no such name, which is secure", "NSEC3", "the hash of"},
		"www.unsigned.test":  {"the answer is insecure", "no DS at test."},
	} {
		out := run(t, dir+"/bailiwick", "explain", "--config", dir+"/bailiwick.yaml", name)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q is not in\n%s", name, w, out)
			}
		}
	}
}
