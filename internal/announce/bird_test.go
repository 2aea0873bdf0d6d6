package announce

import (
	"bufio"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Replies are read by their codes, as their words differ by version: others take what BIRD 3 says
// for an error (github.com/unixsurfer/anycast_healthchecker/pull/55), or an error for none
// (github.com/natesales/pathvector/issues/21).
var birdReplies = []struct{ name, reply, want string }{
	{"enabled", "0011-anycast: enabled\n0000 \n", ""},
	{"is so", "0008-anycast: already disabled\n0000 \n", ""},
	{"greeting", "0001 BIRD 2.0.12 ready.\n", ""},
	{"other words", "0018 Reconfiguration in progress\n", ""},
	{"more lines", "1002-anycast Static\n  table master4\n+ comment\n0000 \n", ""},
	{"no such protocol", "9001 syntax error, unexpected CF_SYM_UNDEFINED\n", "refused it: syntax"},
	{"restricted", "8007 Access denied\n", "refused it: Access denied"},
	{"an error in the middle", "8003-No protocols match\n0000 \n", "No protocols match"},
	{"cut off", "0011-anycast: ena", "not replied"},
	{"nothing", "", "not replied"},
	{"not BIRD", "HTTP/1.1 400 Bad Request\n", "has replied"},
	{"a short line", "00\n", "has replied"},
	{"a line without end", strings.Repeat("1", 3*maxReply), "too long"},
}

func TestBIRDReplies(t *testing.T) {
	for _, c := range birdReplies {
		err := birdReply(bufio.NewReaderSize(strings.NewReader(c.reply), maxReply))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzBIRDReply(f *testing.F) {
	for _, c := range birdReplies {
		f.Add(c.reply)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		in := bufio.NewReaderSize(strings.NewReader(reply), maxReply)
		if birdReply(in) == nil && !strings.Contains(reply, " ") {
			t.Error("a reply without an end is one")
		}
	})
}

// bird listens as BIRD does, and returns its socket and the commands that come.
func bird(t *testing.T, reply func(command string) string) (socket string, commands chan string) {
	t.Helper()
	socket, commands = filepath.Join(t.TempDir(), "ctl"), make(chan string, 100)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("0001 BIRD 2.0.12 ready.\n"))
			for lines := bufio.NewScanner(c); lines.Scan(); {
				commands <- lines.Text()
				_, _ = c.Write([]byte(reply(lines.Text())))
			}
			c.Close()
		}
	}()
	return socket, commands
}

// What is to be announced is so before the rest is withdrawn: there is no moment without a route.
func TestBIRDMakesBeforeItBreaks(t *testing.T) {
	for _, c := range []struct {
		to   Place
		want []string
	}{
		{Announced, []string{"enable a4", "enable a6", "disable low4", "disable low6"}},
		{Lowered, []string{"enable low4", "enable low6", "disable a4", "disable a6"}},
		{Withdrawn, []string{"disable a4", "disable a6", "disable low4", "disable low6"}},
	} {
		socket, commands := bird(t, func(string) string { return "0009-x: done\n0000 \n" })
		b := &BIRD{Socket: socket, Protocols: []string{"a4", "a6"},
			Lowered: []string{"low4", "low6"}}
		if err := b.Put(t.Context(), c.to); err != nil {
			t.Fatal(err)
		}
		var got []string
		for len(commands) > 0 {
			got = append(got, <-commands)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %q", c.to, got)
		}
	}
}

// One protocol that BIRD refuses does not keep the others from being withdrawn, whatever there are
// of them (github.com/unixsurfer/anycast_healthchecker/issues/30).
func TestBIRDThatRefusesOne(t *testing.T) {
	socket, commands := bird(t, func(command string) string {
		if command == "disable a4" {
			return "9001 syntax error\n"
		}
		return "0009-x: disabled\n0000 \n"
	})
	b := &BIRD{Socket: socket, Protocols: []string{"a4", "a6"}}
	if err := b.Put(t.Context(), Withdrawn); err == nil {
		t.Error("a refusal is no error")
	}
	if len(commands) != 2 {
		t.Errorf("%d commands", len(commands))
	}
	b.Socket += "x"
	if err := b.Put(t.Context(), Withdrawn); err == nil {
		t.Error("a BIRD that is not there is no error")
	}
}

// A name of a protocol is nothing else: a line of its own would be a command.
func TestBIRDProtocolNames(t *testing.T) {
	for name, ok := range map[string]bool{"anycast4": true, "_a": true, "": false, "a b": false,
		"a\ndown": false, "all": false, "\"*\"": false, "4a": false, "a;b": false} {
		if err := (&BIRD{Protocols: []string{name}}).Check(); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
