// Trust anchors beside Unbound and BIND: what each does with one, with a wrong one and with none,
// and what it tells the root and its clients of them.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// TestAnchorsBesideOthers starts Bailiwick, Unbound and BIND with the anchor of a root of our own,
// with one of another key, and with none. The first tells the root its key tag (RFC 8145) and
// answers the sentinel's names (RFC 8509); with the second nothing resolves. Without any, Bailiwick
// does not start.
func TestAnchorsBesideOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound", "named"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	root := listen(t, w)
	ds := strings.Fields(root.anchor)
	ds = ds[len(ds)-4:]
	var tag uint16
	if _, err := fmt.Sscan(ds[0], &tag); err != nil {
		t.Fatal(err)
	}
	wrong := slices.Clone(ds)
	wrong[3] = strings.Repeat("00", len(ds[3])/2)
	for _, anchor := range []struct {
		name string
		ds   []string
	}{{"right", ds}, {"wrong", wrong}, {"none", nil}} {
		for _, r := range []string{"Bailiwick", "Unbound", "BIND"} {
			d := folder(t.TempDir())
			w.Transcript()
			cmd, at := d.anchored(t, root, r, anchor.ds)
			if anchor.ds == nil && r == "Bailiwick" {
				if err := cmd.Wait(); err == nil {
					t.Error("Bailiwick starts without any trust anchor")
				}
				continue
			}
			await(t, at, "www.secure.example.", dns.TypeA, func(m *dns.Msg) bool {
				return m.Rcode == dns.RcodeSuccess || anchor.name == "wrong"
			})
			m, err := ask(at, "www.secure.example.", dns.TypeA)
			if err != nil {
				t.Fatal(err)
			}
			told := ""
			if anchor.name == "right" {
				told = sentinels(at, tag)
			}
			tags := keyTags(w)
			if tags == nil && r == "Bailiwick" && anchor.name == "right" {
				eventually(t, "the key tag is told", func() bool {
					tags = keyTags(w)
					return tags != nil
				})
			}
			end(t, cmd)
			got := fmt.Sprintf("%s, AD %v%s, %v", dns.RcodeToString[m.Rcode], m.AuthenticatedData,
				told, tags)
			t.Logf("anchor %s, %-9s: %s", anchor.name, r, got)
			want := "SERVFAIL, AD false, []"
			if anchor.name == "right" {
				want = fmt.Sprintf("NOERROR, AD true, sentinel true, [_ta-%04x. NULL]", tag)
			}
			if r == "Bailiwick" && got != want {
				t.Errorf("%s anchor: %s, want %s", anchor.name, got, want)
			}
		}
	}
}

// keyTags are the questions that tell the root's servers key tags, of those since the last call.
func keyTags(w *lab.World) (tags []string) {
	for _, e := range w.Transcript() {
		if name := strings.ToLower(e.Name); strings.HasPrefix(name, "_ta-") {
			tags = append(tags, name+" "+e.Type)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// sentinels reports whether the names that test for a trust anchor are answered as RFC 8509 has it.
func sentinels(at string, tag uint16) string {
	right := true
	for label, rcode := range map[string]int{
		fmt.Sprintf("root-key-sentinel-is-ta-%05d", tag):    dns.RcodeSuccess,
		fmt.Sprintf("root-key-sentinel-not-ta-%05d", tag):   dns.RcodeServerFailure,
		fmt.Sprintf("root-key-sentinel-is-ta-%05d", tag^1):  dns.RcodeServerFailure,
		fmt.Sprintf("root-key-sentinel-not-ta-%05d", tag^1): dns.RcodeSuccess,
	} {
		m, err := ask(at, label+".wild.secure.example.", dns.TypeA)
		right = right && err == nil && m.Rcode == rcode
	}
	return fmt.Sprintf(", sentinel %v", right)
}

// anchored starts a resolver whose only trust anchor is in a file, if there is one.
func (d folder) anchored(t *testing.T, root root, name string, ds []string) (*exec.Cmd,
	string) {
	t.Helper()
	hints := d.write(t, "hints", root.hints())
	file := ""
	if ds != nil {
		file = d.write(t, "anchors", ". IN DS "+strings.Join(ds, " ")+"\n")
	}
	switch name {
	case "Unbound":
		anchor := ""
		if ds != nil {
			anchor = fmt.Sprintf("  trust-anchor-file: %q\n", file)
		}
		return launch(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", unboundConf(
			fmt.Sprintf("  interface: 127.0.0.1@5301\n  do-not-query-localhost: no\n"+
				"  root-hints: %q\n%s", hints, anchor), ""))), unboundAddr
	case "BIND":
		anchor := ""
		if ds != nil {
			anchor = fmt.Sprintf("trust-anchors { \".\" static-ds %s %s %s %q; };\n", ds[0], ds[1],
				ds[2], ds[3])
		}
		return launch(t, "named", "-f", "-4", "-n", "1", "-c", d.write(t, "named.conf", fmt.Sprintf(
			"options { directory %q; listen-on port 5302 { 127.0.0.1; }; listen-on-v6 { none; }; "+
				"recursion yes; pid-file none; session-keyfile none; dnssec-validation yes; "+
				"empty-zones-enable no; };\ncontrols { };\n%szone \".\" { type hint; file "+
				"\"hints\"; };\n", string(d), anchor))), bindAddr
	}
	anchor := ""
	if ds != nil {
		anchor = fmt.Sprintf(", file: %q", file)
	}
	return launch(t, build(t, string(d)), "serve", "--config", d.write(t, "bailiwick.yaml",
		fmt.Sprintf("listen: {udp: [%q]}\nadmin: {listen: \"\"}\ncontrol: {socket: \"\"}\n"+
			"resolver: {ipv6: false, do_not_query_localhost: false, root_hints_file: %q}\n"+
			"trust_anchors: {builtin: no%s}\npolicy: {special_names: false}\n"+
			"shutdown: {wait: 0, answers: 0}\n", bailiwickAddr, hints, anchor))), bailiwickAddr
}
