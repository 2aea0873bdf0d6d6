package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A server logs its queries, refused ones too, into the file of the configuration; a reload opens
// it again after something has moved it, and changes what is logged without losing a query.
func TestQueryLogOfAServer(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "queries")
	base := plain + "query_log: {to: file, file: " + path
	s := reloadable(t, base+"}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	s.change(base + ", clients: prefix}\npolicy: {access: [127.0.0.0/8 refuse]}\n")
	m := new(dns.Msg).SetQuestion("www.unsigned.example.", dns.TypeA)
	if r, err := exchange(m, s.udp); err != nil || r.Rcode != dns.RcodeRefused {
		t.Errorf("%v, %v", r, err)
	}
	r, err := runOf(s.running, "querylog")(requestOf(nil))
	if err != nil || r.Fields["to"] != "file" || r.Fields["file"] != path {
		t.Errorf("%v, %v", r, err)
	}
	s.close()
	// The first line may have waited for others while the file was moved.
	var all string
	for _, file := range []string{path + ".moved", path} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		all += string(text)
	}
	for _, want := range []string{"client=127.0.0.1 transport=udp name=www.secure.example. " +
		"type=A outcome=NOERROR cause=none ad=true from=\"resolved\"",
		"client=127.0.0.0/24 transport=udp name=www.unsigned.example. type=A " +
			"outcome=REFUSED cause=client_refused"} {
		if strings.Count(all, want) != 1 || strings.Count(all, "\n") != 2 {
			t.Errorf("got\n%swant %s", all, want)
		}
	}
}

// A query log that cannot be opened refuses the configuration, and what is in use goes on.
func TestReloadRefusesAQueryLogThatCannotBeOpened(t *testing.T) {
	s := reloadable(t, plain)
	before := s.now()
	s.write(plain + "query_log: {to: file, file: /nowhere/queries}\n")
	if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), "query log: ") ||
		s.now() != before {
		t.Errorf("%v", err)
	}
	s.write(plain + "query_log: {to: file}\n")
	if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), "which file?") {
		t.Errorf("%v", err)
	}
	s.expect("www.secure.example.", "NOERROR+ad")
}

// A view has its query log, or none: another place, or the same with other rules about clients and
// their number. Refused queries are in it. A reload changes one view's and leaves the others alone.
func TestQueryLogsOfViews(t *testing.T) {
	dir := t.TempDir()
	all, own := filepath.Join(dir, "all"), filepath.Join(dir, "own")
	text := func(kids string) string {
		return plain + "query_log: {to: file, file: " + all + "}\nviews:\n" +
			"  - {name: silent, clients: [127.0.0.2/32], query_log: off}\n" +
			"  - {name: kids, clients: [127.0.0.3/32], query_log: " + kids + "}\n" +
			"  - {name: guests, clients: [127.0.0.4/32], query_log: {clients: omit}}\n" +
			"  - {name: others, clients: [127.0.0.5/32], block_lists: []}\n" +
			"policy: {access: [127.0.0.3/32 refuse]}\n"
	}
	s := reloadable(t, text("{file: "+own+", clients: prefix}"))
	ask := func(from string) {
		t.Helper()
		d := dns.Client{Timeout: patience, Dialer: &net.Dialer{
			LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}}
		name := "n" + from[len(from)-1:] + ".secure.example."
		if _, _, err := d.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), s.udp); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4",
		"127.0.0.5"} {
		ask(from)
	}
	r, err := runOf(s.running, "querylog")(requestOf(nil))
	if err != nil || len(r.Rows) != 3 || r.Rows[0][1] != "off" || r.Rows[1][2] != own {
		t.Errorf("%v, %v", r, err)
	}
	general := s.now().queries.general
	s.change(text("off"))
	ask("127.0.0.3")
	ask("127.0.0.1")
	if s.now().queries.general != general {
		t.Error("the log of all was opened anew")
	}
	s.close()
	lines := func(path string) (got []string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			got = append(got, strings.Join(strings.Fields(l)[1:], " "))
		}
		return got
	}
	for path, want := range map[string][]string{
		all: {"client=127.0.0.1 transport=udp name=n1.", "transport=udp name=n4.",
			"client=127.0.0.5 transport=udp name=n5.", "client=127.0.0.1 transport=udp name=n1."},
		own: {"client=127.0.0.0/24 transport=udp name=n3.secure.example. type=A outcome=REFUSED"},
	} {
		got := lines(path)
		if len(got) != len(want) {
			t.Errorf("%s: %q", path, got)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: %q; want %q", path, got[i], want[i])
			}
		}
	}
}

// How the log of a view is, is told of the log that its lines go to, and not of that of all others.
func TestQueryLogOfAViewTellsHowItIs(t *testing.T) {
	dir := t.TempDir()
	s := reloadable(t, plain+"query_log: {to: file, file: "+filepath.Join(dir, "all")+"}\nviews:\n"+
		"  - {name: kids, clients: [127.0.0.1/32], query_log: {file: "+filepath.Join(dir, "own")+
		"}}\n  - {name: silent, clients: [127.0.0.2/32], query_log: off}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	until(t, "no line of the view is counted", func() bool {
		r, err := runOf(s.running, "querylog")(requestOf(nil))
		if err != nil || len(r.Rows) != 2 || len(r.Rows[0]) != len(r.Columns) {
			t.Fatalf("%v, %v", r, err)
		}
		return r.Rows[0][4] == int64(1) && r.Fields["written"] == int64(0) &&
			r.Rows[1][4] == int64(0)
	})
}
