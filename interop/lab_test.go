// The lab's zones, with all that is wrong with them, before Unbound and Bailiwick side by side.

package interop

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// labNames are asked in each zone of the lab.
var labNames = []string{"www.", "no.", "x.wild.", "alias.", "b.ent.", "leaf.tree.", "", "txt."}

// leftOut lists zones of the lab that are not asked for here, and why.
var leftOut = map[string]string{
	"iterations.faulty.":    "50 iterations are computed (RFC 9276), Unbound 1.17 computes 150",
	"cookies.faulty.":       "Unbound 1.17 sends no cookies",
	"hates-cookies.faulty.": "Unbound 1.17 sends no cookies",
	"dead.faulty.":          "Unbound takes minutes",
	"no-tcp.faulty.":        "Unbound takes minutes",
	"one-good.faulty.":      "Unbound takes minutes",
	"slow.faulty.":          "time",
	"lossy.faulty.": "the first packet of each question is lost: who asks in another " +
		"order loses others",
	"rsasha1.example.":      "SHA-1 may be forbidden to Unbound by the system",
	"rsasha1nsec3.example.": "SHA-1 may be forbidden to Unbound by the system",
}

func labSideBySide(t *testing.T, dir string) {
	w := lab.Internet(time.Now())
	root := listen(t, w)
	write := func(file, text string) string { return folder(dir).write(t, file, text) }
	hints := write("lab.hints", root.hints())
	unbound := write("lab.unbound",
		unboundConf(fmt.Sprintf("  interface: 127.0.0.1@5304\n  do-not-query-localhost: no\n  "+
			"root-hints: %q\n  trust-anchor: %q\n", hints,
			root.anchor), ""))
	own := write("lab.yaml", fmt.Sprintf("listen: {udp: [\"127.0.0.1:5305\"], tcp: "+
		"[\"127.0.0.1:5305\"]}\nadmin: {listen: \"\"}\nlog: {level: error}\nresolver: {ipv6: "+
		"\"false\", root_hints_file: %q, do_not_query_localhost: false}\ntrust_anchors: "+
		"{builtin: false, records: [%q]}\n",
		hints, root.anchor))
	for _, argv := range [][]string{{"unbound", "-d", "-c", unbound},
		{filepath.Join(dir, "bailiwick"), "serve", "--config", own}} {
		cmd := exec.Command(argv[0], argv[1:]...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	}
	for _, at := range []string{"127.0.0.1:5304", "127.0.0.1:5305"} {
		await(t, at, "nic.example.", dns.TypeA, found)
	}
	same := 0
	for _, zone := range w.Zones() {
		if leftOut[zone] != "" {
			continue
		}
		for _, l := range labNames {
			for _, qt := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeDS} {
				ours, err1 := ask("127.0.0.1:5305", l+zone, qt)
				theirs, err2 := ask("127.0.0.1:5304", l+zone, qt)
				if err1 != nil {
					t.Errorf("%s%s: %v", l, zone, err1)
					continue
				}
				got, want := verdict(ours), "no answer"
				if err2 == nil {
					want = verdict(theirs)
				}
				if got == want {
					same++
				} else {
					t.Errorf("%s%s %s: %s, Unbound %s", l, zone, dns.TypeToString[qt], got, want)
				}
			}
		}
	}
	t.Logf("%d answers are the same as Unbound's", same)
}
