package main

import (
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
	if r, err := dns.Exchange(m, s.udp); err != nil || r.Rcode != dns.RcodeRefused {
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
