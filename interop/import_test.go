// Configurations that `bailiwick import` converts, beside the programs that they are from.

package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// importClients are addresses that the files allow, refuse, drop, let snoop and give views.
var importClients = []string{"127.0.0.1", "127.0.2.1", "127.0.3.1", "127.0.4.1", "127.0.5.1",
	"127.0.6.1", "127.0.7.1", "127.9.0.1", "127.200.0.1"}

// importQuestions are asked from each of them.
var importQuestions = []struct {
	name  string
	qtype uint16
}{
	{"router.lan.example.", dns.TypeA}, {"router.lan.example.", dns.TypeAAAA},
	{"nas.lan.example.", dns.TypeA}, {"absent.lan.example.", dns.TypeA},
	{"lan.example.", dns.TypeA}, {"10.1.168.192.in-addr.arpa.", dns.TypePTR},
	{"9.1.168.192.in-addr.arpa.", dns.TypePTR}, {"ads.example.", dns.TypeA},
	{"x.ads.example.", dns.TypeTXT}, {"null.example.", dns.TypeA},
	{"x.null.example.", dns.TypeAAAA}, {"null.example.", dns.TypeTXT}, {"no.example.", dns.TypeA},
	{"x.no.example.", dns.TypeA}, {"override.example.", dns.TypeA},
	{"override.example.", dns.TypeTXT}, {"www.secure.example.", dns.TypeA},
	{"www.secure.example.", dns.TypeMX}, {"no.secure.example.", dns.TypeA},
	{"www.unsigned.example.", dns.TypeA}, {"www.corp.example.", dns.TypeA},
	{"www.corp.example.", dns.TypeTXT}, {"x.corp.example.", dns.TypeA},
	{"floor1.print.example.", dns.TypeA}, {"floor2.print.example.", dns.TypeA},
	{"secure.example.", dns.TypeA}, {"a.ad.example.", dns.TypeA}, {"no.ad.example.", dns.TypeA},
	{"blocked.example.", dns.TypeA}, {"expired.faulty.", dns.TypeA},
	{"wrong-keys.faulty.", dns.TypeA}, {"localhost.", dns.TypeA},
}

// TestImportedAnswersAreTheSame starts Unbound with a file and Bailiwick with what it is converted
// to, and asks both from clients that the file treats each in their own way.
func TestImportedAnswersAreTheSame(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "blocked.example.", Records: "@ A 192.0.2.1"})
	w.Add(lab.Zone{Name: "ad.example.", Records: "a A 192.0.2.1"})
	root, dir := listen(t, w), folder(t.TempDir())
	serveHouses(t)
	bin := build(t, string(dir))
	for _, name := range []string{"home-router", "enterprise"} {
		t.Run(name, func(t *testing.T) { compareImport(t, bin, name, root) })
	}
}

// compareImport compares the answers of one file, which both have with the lab's root and anchor.
func compareImport(t *testing.T, bin, name string, root root) {
	dir := folder(t.TempDir())
	data, err := filepath.Abs("../internal/migrate/testdata")
	if err != nil {
		t.Fatal(err)
	}
	source := dir.write(t, "unbound.conf", fmt.Sprintf("server:\n  include: %q\nserver:\n"+
		"  directory: %q\n  do-daemonize: no\n  use-syslog: no\n  username: \"\"\n  chroot: \"\"\n"+
		"  pidfile: \"\"\n  do-not-query-localhost: no\n  root-hints: %q\n  trust-anchor: %q\n"+
		"remote-control:\n  control-enable: no\n", filepath.Join(data, name+".unbound.conf"), data,
		dir.write(t, "hints", root.hints()), root.anchor))
	converted, err := exec.Command(bin, "import", "--from", "unbound", source).Output()
	if err != nil && len(converted) == 0 {
		t.Fatal(err)
	}
	t.Chdir(data) // Unbound includes files from where it was started
	start(t, "unbound", "-d", "-c", source)
	serveImported(t, bin, dir, string(converted), "resolver: {ipv6: \"false\"}\n")
	compareAnswers(t, "Unbound", unboundAddr, true)
}

// serveImported runs Bailiwick with what a file was converted to, and with what the lab alone
// needs: more is in the form of YAML. The port is another one, so that both may listen.
func serveImported(t *testing.T, bin string, dir folder, converted, more string) {
	t.Helper()
	own := dir.write(t, "own.yaml", converted)
	start(t, bin, "serve", "--config", dir.write(t, "bailiwick.yaml", fmt.Sprintf("include: [%q]\n"+
		"listen: {udp: [%[2]q], tcp: [%[2]q]}\nadmin: {listen: \"\"}\ncontrol: {socket: \"\"}\n"+
		"log: {level: error}\n%[3]s", own, bailiwickAddr, more)))
}

// compareAnswers asks a program and Bailiwick the same questions from clients that the file treats
// each in their own way: some may not ask, if there is such a thing as access.
func compareAnswers(t *testing.T, program, peer string, access bool) {
	t.Helper()
	for _, at := range []string{peer, bailiwickAddr} {
		await(t, at, "www.unsigned.example.", dns.TypeA, func(m *dns.Msg) bool {
			return len(m.Answer) > 0
		})
	}
	var asked, refused atomic.Int64
	var wg sync.WaitGroup
	for _, client := range importClients {
		wg.Go(func() { // some get no answer, for which they wait
			for i, q := range importQuestions {
				m := new(dns.Msg).SetQuestion(q.name, q.qtype)
				m.AuthenticatedData = true
				own := make(chan string, 1)
				go func() { own <- saidFrom(client, bailiwickAddr, m) }()
				theirs := saidFrom(client, peer, m)
				ours := <-own
				if asked.Add(1); theirs != ours {
					t.Errorf("%s asks %s %s: %s, %s %s", client, q.name,
						dns.TypeToString[q.qtype], ours, program, theirs)
				}
				if theirs == "no answer" || strings.HasPrefix(theirs, "REFUSED") {
					refused.Add(1)
				}
				if i == 0 && theirs == "no answer" {
					return
				}
			}
		})
	}
	wg.Wait()
	if access && refused.Load() == 0 || asked.Load() < 100 {
		t.Errorf("%d questions, of which %d were refused", asked.Load(), refused.Load())
	}
	t.Logf("%d questions", asked.Load())
}

// saidFrom is what a resolver answers to a client.
func saidFrom(client, at string, m *dns.Msg) string {
	c := &dns.Client{Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(client)}}}
	r := patiently(c, m, at)
	if r == nil {
		return "no answer"
	}
	if r.Rcode == dns.RcodeRefused { // Unbound gives the question's AD bit back
		r.AuthenticatedData = false
	}
	return verdict(r)
}
