// Exceptions from validation beside Unbound's domain-insecure and BIND's validate-except.

package interop

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// exceptedZones are zones of the lab that are excepted, broken and not.
var exceptedZones = []string{"expired.faulty.", "ds-mismatch.faulty.", "no-keys.faulty.",
	"missing-signatures.faulty.", "wrong-keys.faulty.", "secure.example.", "nsec3.example."}

// validatedZones are some that are not.
var validatedZones = []string{"ed25519.example.", "corrupt-signatures.faulty.",
	"future.faulty.", "unsigned.example.", "optout."}

// TestExceptionsAreThoseOfOthers compares negative trust anchors that are added while the server
// runs with what Unbound and BIND do for the same zones.
func TestExceptionsAreThoseOfOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound", "named"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	root, dir := listen(t, w), folder(t.TempDir())
	hints := dir.write(t, "hints", root.hints())
	insecure, except := "", ""
	for _, z := range exceptedZones {
		insecure += fmt.Sprintf("  domain-insecure: %q\n", z)
		except += fmt.Sprintf("%q; ", z)
	}
	start(t, "unbound", "-d", "-c", dir.write(t, "unbound.conf", unboundConf(fmt.Sprintf(
		"  interface: 127.0.0.1@5301\n  do-not-query-localhost: no\n  root-hints: %q\n  "+
			"trust-anchor: %q\n%s", hints, root.anchor, insecure), "")))
	ds := strings.Fields(root.anchor)
	start(t, "named", "-f", "-4", "-n", "1", "-c", dir.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on port 5302 { 127.0.0.1; }; listen-on-v6 { none; }; "+
			"recursion yes; pid-file none; session-keyfile none; dnssec-validation yes; "+
			"empty-zones-enable no; validate-except { %s}; };\ncontrols { };\ntrust-anchors { "+
			"\".\" static-ds %s %s %s %q; };\nzone \".\" { type hint; file \"hints\"; };\n",
		string(dir), except, ds[len(ds)-4], ds[len(ds)-3], ds[len(ds)-2], ds[len(ds)-1])))
	socket, bin := dir.path("ctl"), build(t, string(dir))
	start(t, bin, "serve", "--config", dir.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [\"127.0.0.1:5303\"], tcp: [\"127.0.0.1:5303\"]}\nadmin: {listen: \"\"}\n"+
			"control: {socket: %q}\nlog: {level: error}\nresolver: {ipv6: \"false\", "+
			"root_hints_file: %q, do_not_query_localhost: false}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\npolicy: {special_names: false}\n",
		socket, hints, root.anchor)))
	for _, at := range []string{unboundAddr, bindAddr, bailiwickAddr} {
		await(t, at, "www.ed25519.example.", dns.TypeA, func(m *dns.Msg) bool {
			return m.AuthenticatedData
		})
	}
	if m, err := ask(bailiwickAddr, "www.expired.faulty.", dns.TypeA); err != nil ||
		m.Rcode != dns.RcodeServerFailure {
		t.Fatalf("without an exception: %v %v", m, err)
	}
	for _, z := range exceptedZones {
		if out, err := exec.Command(bin, "ctl", "--socket", socket, "nta", "add", z, "--reason",
			"a test").CombinedOutput(); err != nil {
			t.Fatalf("%s: %s", z, out)
		}
	}
	same := 0
	for _, z := range append(exceptedZones, validatedZones...) {
		for _, l := range []string{"www.", "no.", "x.wild.", "alias.", "b.ent.", ""} {
			for _, qt := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeDS, dns.TypeDNSKEY} {
				got := answered(bailiwickAddr, l+z, qt)
				unbound, bind := answered(unboundAddr, l+z, qt), answered(bindAddr, l+z, qt)
				if got == unbound || got == bind {
					same++
					continue
				}
				t.Errorf("%s%s %s: %s, Unbound %s, BIND %s", l, z, dns.TypeToString[qt], got,
					unbound, bind)
			}
		}
	}
	t.Logf("%d answers are the same", same)
}

// answered is the verdict of a resolver's answer.
func answered(at, name string, qt uint16) string {
	m, err := ask(at, name, qt)
	if err != nil {
		return err.Error()
	}
	return verdict(m)
}

// TestNegativeAnchorEndsByItself has a real process with a clock that moves: a broken zone fails,
// an anchor that nobody removes lets it resolve for an hour, and then it fails again, prepared
// answers included. Another zone is secure all the time.
func TestNegativeAnchorEndsByItself(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	root, d := listen(t, w), folder(t.TempDir())
	bin, socket, admin := d.path("bailiwick"), d.path("ctl"), "127.0.0.1:5320"
	run(t, "go", "build", "-tags", "testclock", "-o", bin, "bailiwick/cmd/bailiwick")
	log, err := os.Create(d.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(bin, "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q], tcp: [%[1]q]}\nadmin: {listen: %q}\ncontrol: {socket: %q}\n"+
			"resolver: {ipv6: false, root_hints: [{name: %s, address: %s}], "+
			"do_not_query_localhost: false}\ntrust_anchors: {builtin: false, records: [%q]}\n"+
			"policy: {special_names: false}\n", bailiwickAddr, admin, socket, root.server,
		root.address, root.anchor)))
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cmd) })
	await(t, bailiwickAddr, "www.secure.example.", dns.TypeA, func(m *dns.Msg) bool {
		return m.AuthenticatedData
	})
	// expect asks a few times, so that prepared answers are among them.
	expect := func(when string, rcode int, code uint16, now, expired string) {
		t.Helper()
		for range 3 {
			m, err := ask(bailiwickAddr, "www.expired.faulty.", dns.TypeA)
			if err != nil || m.Rcode != rcode || !hasEDE(m, code) || m.AuthenticatedData {
				t.Errorf("%s: %v %v", when, m, err)
			}
			m, err = ask(bailiwickAddr, "www.secure.example.", dns.TypeA)
			if err != nil || !m.AuthenticatedData {
				t.Errorf("%s, another zone: %v %v", when, m, err)
			}
		}
		metrics := scrape(t, admin)
		for _, want := range []string{"bailiwick_negative_trust_anchors " + now + "\n",
			`bailiwick_negative_trust_anchors_ended_total{how="expired"} ` + expired + "\n"} {
			if !strings.Contains(metrics, want) {
				t.Errorf("%s: %q is not in the metrics", when, want)
			}
		}
	}
	expect("before", dns.RcodeServerFailure, dns.ExtendedErrorCodeSignatureExpired, "0", "0")
	run(t, bin, "ctl", "-s", socket, "nta", "add", "expired.faulty", "--reason", "a test")
	const negativeAnchor = 33
	expect("during", dns.RcodeSuccess, negativeAnchor, "1", "0")
	for range 6 {
		run(t, bin, "ctl", "-s", socket, "clock", "advance", "9m50s")
		expect("within the hour", dns.RcodeSuccess, negativeAnchor, "1", "0")
	}
	run(t, bin, "ctl", "-s", socket, "clock", "advance", "1m")
	await(t, bailiwickAddr, "www.expired.faulty.", dns.TypeA, func(m *dns.Msg) bool {
		return m.Rcode == dns.RcodeServerFailure
	})
	expect("after", dns.RcodeServerFailure, dns.ExtendedErrorCodeSignatureExpired, "0", "1")
	text, err := os.ReadFile(d.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"negative trust anchor added",
		"negative trust anchor has ended"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in the log:\n%s", want, text)
		}
	}
}

// scrape returns the metrics of an admin listener.
func scrape(t *testing.T, at string) string {
	t.Helper()
	r, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
