// Error reports (RFC 9567) of a real process, to an agent in the lab.

package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// TestErrorReports has a server report the failure of a name to the agent that the zone's server
// names, over TCP. It is off at first, and on after a reload.
func TestErrorReports(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "agent.example.", Records: `* TXT "Report received"`})
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != w.AddressOf("expired.faulty.") &&
			in.Server != w.AddressOf("future.faulty.") {
			return lab.Reply{}, false
		}
		m := in.Honest()
		if m.IsEdns0() == nil {
			m.SetEdns0(1232, true)
		}
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_LOCAL{
			Code: uint16(wire.OptionReportChannel), Data: []byte("\x05agent\x07example\x00")})
		return lab.Messages(m), true
	}
	root, d := listen(t, w), folder(t.TempDir())
	bin, socket, admin := build(t, string(d)), d.path("ctl"), "127.0.0.1:5320"
	configure := func(reporting string) string {
		return d.write(t, "bailiwick.yaml", fmt.Sprintf(
			"listen: {udp: [%q], tcp: []}\nadmin: {listen: %q}\ncontrol: {socket: %q}\n"+
				"resolver: {ipv6: false, root_hints: [{name: %s, address: %s}], "+
				"do_not_query_localhost: false, error_reporting: %s}\n"+
				"trust_anchors: {builtin: false, records: [%q]}\n"+
				"policy: {special_names: false}\nshutdown: {wait: 0, answers: 0}\n", bailiwickAddr,
			admin, socket, root.server, root.address, reporting, root.anchor))
	}
	launch(t, bin, "serve", "--config", configure("off"))
	// reported asks for a name that fails, and returns its reports, as the agent got them.
	reported := func(name string, wait time.Duration) (reports []string) {
		await(t, bailiwickAddr, name, dns.TypeA, func(m *dns.Msg) bool {
			return m.Rcode == dns.RcodeServerFailure
		})
		for end := time.Now().Add(wait); reports == nil && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
			for _, e := range w.Transcript() {
				if report := strings.ToLower(e.Name); strings.HasPrefix(report, "_er.1.") {
					reports = append(reports, fmt.Sprintf("%s %s %v", report, e.Type, e.TCP))
				}
			}
		}
		return reports
	}
	if got := reported("www.expired.faulty.", time.Second); got != nil {
		t.Errorf("reported, though that is off: %v", got)
	}
	configure("on")
	run(t, bin, "ctl", "-s", socket, "reload")
	got := strings.Join(reported("www.future.faulty.", patience), "\n")
	if want := "_er.1.www.future.faulty.8._er.agent.example. TXT true"; got != want {
		t.Errorf("reports %q, want %q", got, want)
	}
	const line = `bailiwick_error_reports_total{result="sent"} 1`
	eventually(t, line, func() bool { // the agent's answer is validated before it counts
		return strings.Contains(scrape(t, admin), line)
	})
}
