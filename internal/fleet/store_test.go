package fleet_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"bailiwick/internal/fleet"
	"bailiwick/internal/lab/testtime"
	"bailiwick/internal/pemfile"
	"bailiwick/transport"
)

// speaker is a listener that speaks the protocol of a store and says what a test wants.
type speaker struct {
	net.Listener
	says atomic.Value // func(command string) string
	came atomic.Int64 // connections
}

// speak starts a speaker. With a configuration it speaks TLS.
func speak(t *testing.T, secure *tls.Config, says func(command string) string) *speaker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &speaker{Listener: l}
	if secure != nil {
		s.Listener = tls.NewListener(l, secure)
	}
	s.says.Store(says)
	go func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			s.came.Add(1)
			go s.converse(c)
		}
	}()
	return s
}

// converse answers the commands of a connection: each is an array of strings.
func (s *speaker) converse(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	number := func(mark byte) (n int, err error) {
		line, err := in.ReadString('\n')
		if err == nil && (line == "" || line[0] != mark) {
			err = errors.New("not the protocol of a store")
		}
		if err == nil {
			n, err = strconv.Atoi(strings.TrimSpace(line[1:]))
		}
		return n, err
	}
	for {
		words, err := number('*')
		if err != nil {
			return
		}
		var command []string
		for range words {
			size, err := number('$')
			word := make([]byte, size+2)
			if err == nil {
				_, err = io.ReadFull(in, word)
			}
			if err != nil {
				return
			}
			command = append(command, string(word[:size]))
		}
		reply := "+OK\r\n"
		if r := s.says.Load().(func(string) string)(command[0]); r != "" {
			reply = r
		} else if command[0] == "HELLO" {
			reply = "%1\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n"
		}
		if _, err := io.WriteString(c, reply); err != nil {
			return
		}
	}
}

// errs has a speaker say an error to the commands of a list.
func errs(text string, commands ...string) func(string) string {
	return func(command string) string {
		for _, c := range commands {
			if c == command {
				return "-" + text + "\r\n"
			}
		}
		if command == "GETRANGE" {
			return "$0\r\n\r\n"
		}
		return ""
	}
}

// open returns the store at a speaker.
func (s *speaker) open(t *testing.T, more fleet.Settings) fleet.Store {
	more.Store = s.Addr().String()
	store := fleet.OpenStore(more)
	t.Cleanup(store.Close)
	return store
}

var something = []fleet.Entry{{Key: "bailiwick:a", Value: []byte("a"), Life: time.Minute}}

// A store that refuses to be written for a reason of its own, or of its user's rights, can be read.
// What it says is told.
func TestStoreThatTakesNothingIsRead(t *testing.T) {
	for _, text := range []string{
		"OOM command not allowed when used memory > 'maxmemory'.",
		"READONLY You can't write against a read only replica.",
		"MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk.",
		"NOREPLICAS Not enough good replicas to write.",
		"NOPERM this user has no permissions to run the 'set' command",
	} {
		store := speak(t, nil, errs(text, "SET")).open(t, fleet.Settings{})
		if _, err := store.Get(t.Context(), []string{"bailiwick:a"}); err != nil {
			t.Errorf("%s: it is not read: %v", text, err)
		}
		err := store.Put(t.Context(), something)
		if !errors.Is(err, fleet.ErrUnwritten) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: put: %v", text, err)
		}
		_, err = store.Claim(t.Context(), "bailiwick:a claim 1", time.Second)
		if !errors.Is(err, fleet.ErrUnwritten) {
			t.Errorf("%s: claim: %v", text, err)
		}
	}
	store := speak(t, nil, errs("ERR syntax error", "SET")).open(t, fleet.Settings{})
	if err := store.Put(t.Context(), something); err == nil || errors.Is(err, fleet.ErrUnwritten) {
		t.Errorf("another error: %v", err)
	}
}

// replica is what a replica answers to a write.
const replica = "READONLY You can't write against a read only replica."

// A replica was another one's primary when the connection began. Soon a new connection takes its
// place, which may reach the primary of now; as the address may lead to a replica for long, no more
// than one in leaveTime.
func TestReplicaIsLeft(t *testing.T) {
	for _, text := range []string{replica,
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."} {
		s := speak(t, nil, errs(text, "SET"))
		store, passed := s.open(t, fleet.Settings{}), atomic.Int64{}
		begun := time.Now()
		fleet.SetNow(store, func() time.Time { return begun.Add(time.Duration(passed.Load())) })
		for i := range int64(3) {
			s.says.Store(errs(text, "SET"))
			if err := store.Put(t.Context(), something); err == nil {
				t.Fatal("a replica takes something")
			}
			fleet.AwaitLeaving(store)
			if n := s.came.Load(); n != 2+i {
				t.Errorf("%d connections after leaveTime, want %d", n, 2+i)
			}
			s.says.Store(errs(""))
			if err := store.Put(t.Context(), something); err != nil {
				t.Errorf("the primary that is at the address now: %v", err)
			}
			s.says.Store(errs(text, "SET"))
			passed.Add(int64(fleet.LeaveTime - 1))
			for range 10 {
				_ = store.Put(t.Context(), something)
			}
			fleet.AwaitLeaving(store)
			if n := s.came.Load(); n != 2+i {
				t.Errorf("%d connections within leaveTime, want %d", n, 2+i)
			}
			passed.Add(1)
		}
	}
}

// While the address of a replica that is left does not answer, the replica is read on.
func TestReplicaIsUsedUntilAnotherIsThere(t *testing.T) {
	s := speak(t, nil, errs(replica, "SET"))
	store := s.open(t, fleet.Settings{})
	read := func(when string) {
		if _, err := store.Get(t.Context(), []string{"bailiwick:a"}); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	read("before")
	asked, answer := make(chan bool), make(chan bool)
	s.says.Store(func(command string) string {
		if command == "HELLO" {
			close(asked)
			<-answer
			return "-ERR not now\r\n"
		}
		return errs(replica, "SET")(command)
	})
	_ = store.Put(t.Context(), something)
	<-asked
	if fleet.Held(store) {
		t.Error("who reads waits for the other connection")
	}
	read("meanwhile")
	close(answer)
	fleet.AwaitLeaving(store)
	read("afterwards")
}

// A client that is left is closed when nobody uses it any more: who has got it is answered.
func TestReplicaInUseIsLeftLater(t *testing.T) {
	s := speak(t, nil, errs(replica, "SET"))
	store := s.open(t, fleet.Settings{})
	use, left, end, err := fleet.Use(store, func(c valkey.Client) error {
		return c.Do(t.Context(), c.B().Getrange().Key("a").Start(0).End(1).Build()).Error()
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = store.Put(t.Context(), something)
	for end := time.Now().Add(testtime.Patience); !left(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not left")
		}
	}
	if err := use(); err != nil {
		t.Error(err)
	}
	end()
	fleet.AwaitLeaving(store)
	if use() == nil {
		t.Error("it is never closed")
	}
}

// The errors of a store that demands a password, and of one that is a cluster, say what to do.
func TestErrorsOfStoresAreExplained(t *testing.T) {
	for text, want := range map[string]string{
		"NOAUTH HELLO must be called with the client already authenticated": "fleet.password_file",
		"MOVED 3999 127.0.0.1:6381":                                         "of a cluster",
		"CLUSTERDOWN Hash slot not served":                                  "of a cluster",
	} {
		command := "GETRANGE"
		if strings.HasPrefix(text, "NOAUTH") {
			command = "HELLO"
		}
		store := speak(t, nil, errs(text, command)).open(t, fleet.Settings{})
		_, err := store.Get(t.Context(), []string{"bailiwick:a"})
		if err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A user who may not publish costs hints alone: the store works.
func TestPublishingMayBeRefused(t *testing.T) {
	s := speak(t, nil, errs("NOPERM this user has no permissions to run the 'publish' command",
		"PUBLISH"))
	if err := s.open(t, fleet.Settings{}).Publish(t.Context(), "hints", "a"); err != nil {
		t.Error(err)
	}
	s = speak(t, nil, errs("ERR no", "PUBLISH"))
	if err := s.open(t, fleet.Settings{}).Publish(t.Context(), "hints", "a"); err == nil {
		t.Error("another error is not told")
	}
}

// A store that demands a certificate is shown that of the settings, and by the next connection the
// one that has taken its place in the files.
func TestStoreIsShownACertificate(t *testing.T) {
	made := func(name string) *tls.Certificate {
		c, err := transport.SelfSigned(time.Now(), []string{name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.All()[0]
	}
	own := made("store.example")
	dir := t.TempDir()
	renew := func(name string) {
		c := made(name)
		key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		for file, b := range map[string]pem.Block{"cert": {Type: "CERTIFICATE",
			Bytes: c.Leaf.Raw}, "key": {Type: "PRIVATE KEY", Bytes: key}} {
			path := filepath.Join(dir, file)
			if err := errors.Join(os.WriteFile(path+".new", pem.EncodeToMemory(&b), 0o600),
				os.Rename(path+".new", path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(own.Leaf)
	shown := make(chan string, 10)
	s := speak(t, &tls.Config{Certificates: []tls.Certificate{*own},
		ClientAuth: tls.RequireAnyClientCert,
		VerifyConnection: func(c tls.ConnectionState) error {
			shown <- fmt.Sprint(c.PeerCertificates[0].DNSNames)
			return nil
		}}, errs(""))
	settings := fleet.Settings{Config: fleet.Config{Store: s.Addr().String(),
		TLSName: "store.example"}, Roots: pemfile.Fixed(roots), Secrets: []fleet.Secret{{}}}
	if err := s.open(t, settings).Put(t.Context(), something); err == nil ||
		!strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
	renew("first.example")
	var err error
	settings.Certificate, err = pemfile.OpenOwn(filepath.Join(dir, "cert"),
		filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first.example", "second.example"} {
		renew(name)
		if err := s.open(t, settings).Put(t.Context(), something); err != nil {
			t.Error(err)
		}
	}
	close(shown) // the store has seen each before it has replied
	var got []string
	for name := range shown {
		got = append(got, name)
	}
	if want := "[first.example] [second.example]"; strings.Join(got, " ") != want {
		t.Errorf("shown is %s, want %s", got, want)
	}
}
