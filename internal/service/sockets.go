package service

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are those that another process has opened for this one: the service manager (socket
// activation, sd_listen_fds(3)), or the server that this one takes over from. Who needs one finds
// it by its kind and address. A name says only what it was for.
type Sockets struct {
	streams []socket[*net.TCPListener]
	packets []socket[*net.UDPConn]
	unix    []socket[*net.UnixListener]
	// files are what is not for package net, by name.
	files map[string]*os.File
}

// socket is one that nobody has taken so far.
type socket[T any] struct {
	conn T
	name string
	at   string
	addr netip.AddrPort
}

// successorVariable holds the descriptor of the connection to the server that this process takes
// over from.
const successorVariable = "BAILIWICK_SUCCESSOR"

// Inherit returns the sockets, and the server that this one takes over from, nil if there is none.
// It may be called once, before anything else opens files.
func Inherit() (*Sockets, *Predecessor, error) {
	p, err := predecessor()
	if err != nil {
		return nil, nil, err
	}
	if p != nil { // a process cannot know its child's ID before it has started it
		_ = os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	}
	s, err := sort(activation.Files(true))
	return s, p, err
}

// sort finds out what the files are.
func sort(files []*os.File) (*Sockets, error) {
	s := &Sockets{files: map[string]*os.File{}}
	var errs []error
	for _, f := range files {
		if strings.HasPrefix(f.Name(), filePrefix) {
			s.files[f.Name()] = f
			continue
		}
		if err := s.add(f); err != nil {
			errs = append(errs, fmt.Errorf("inherited socket %s: %w", f.Name(), err))
		}
		_ = f.Close() // net has a descriptor of its own
	}
	return s, errors.Join(errs...)
}

func (s *Sockets) add(f *os.File) error {
	if l, err := net.FileListener(f); err == nil {
		switch l := l.(type) {
		case *net.TCPListener:
			at := l.Addr().(*net.TCPAddr).AddrPort()
			s.streams = append(s.streams, socket[*net.TCPListener]{l, f.Name(), "tcp " +
				at.String(), at})
			return nil
		case *net.UnixListener:
			s.unix = append(s.unix, socket[*net.UnixListener]{l, f.Name(), l.Addr().String(),
				netip.AddrPort{}})
			return nil
		}
		_ = l.Close()
		return errors.New("it is neither TCP nor a Unix socket")
	}
	c, err := net.FilePacketConn(f)
	if err != nil {
		return fmt.Errorf("it neither listens nor is it UDP: %w", err)
	}
	u, ok := c.(*net.UDPConn)
	if !ok {
		_ = c.Close()
		return errors.New("it is not UDP")
	}
	at := u.LocalAddr().(*net.UDPAddr).AddrPort()
	s.packets = append(s.packets, socket[*net.UDPConn]{u, f.Name(), "udp " + at.String(), at})
	return nil
}

// take removes the sockets that fit and returns them.
func take[T any](from *[]socket[T], fits func(socket[T]) bool) (taken []T) {
	*from = slices.DeleteFunc(*from, func(s socket[T]) bool {
		if fits(s) {
			taken = append(taken, s.conn)
			return true
		}
		return false
	})
	return taken
}

// Stream returns a TCP socket that listens at an address, nil if there is none.
func (s *Sockets) Stream(at netip.AddrPort) *net.TCPListener {
	fits := func(s socket[*net.TCPListener]) bool { return s.addr == at }
	if l := take(&s.streams, fits); l != nil {
		return l[0]
	}
	return nil
}

// Packets returns the UDP sockets of an address.
func (s *Sockets) Packets(at netip.AddrPort) []*net.UDPConn {
	return take(&s.packets, func(s socket[*net.UDPConn]) bool { return s.addr == at })
}

// Unix returns the Unix socket that listens at a path, nil if there is none.
func (s *Sockets) Unix(path string) *net.UnixListener {
	fits := func(s socket[*net.UnixListener]) bool { return s.at == path }
	if l := take(&s.unix, fits); l != nil {
		return l[0]
	}
	return nil
}

// filePrefix is what the names begin with of what package net does not know, or is not a socket.
const filePrefix = "xdp/"

// File returns the file of a name, nil if there is none.
func (s *Sockets) File(name string) *os.File {
	f := s.files[name]
	delete(s.files, name)
	return f
}

// CloseRest closes the sockets that nobody has taken, and returns what they were for.
func (s *Sockets) CloseRest() (rest []string) {
	for _, l := range s.streams {
		_ = l.conn.Close()
		rest = append(rest, l.name+" "+l.at)
	}
	for _, c := range s.packets {
		_ = c.conn.Close()
		rest = append(rest, c.name+" "+c.at)
	}
	for _, l := range s.unix {
		l.conn.SetUnlinkOnClose(false)
		_ = l.conn.Close()
		rest = append(rest, l.name+" "+l.at)
	}
	for name, f := range s.files {
		_ = f.Close()
		rest = append(rest, name)
	}
	*s = Sockets{}
	return rest
}

// Predecessor is the server that this one takes over from.
type Predecessor struct {
	// Secrets are those of that server, which clients have part of.
	Secrets Secrets

	conn *os.File
	gone chan struct{}
}

// Done returns a channel that is closed when the predecessor takes nothing more from the sockets,
// or has ended; nil if there is no predecessor.
func (p *Predecessor) Done() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.gone
}

// predecessor returns the server that started this one, nil if none did.
func predecessor() (*Predecessor, error) {
	text, ok := os.LookupEnv(successorVariable)
	if !ok {
		return nil, nil
	}
	_ = os.Unsetenv(successorVariable)
	fd, err := strconv.Atoi(text)
	if err != nil || fd <= 2 {
		return nil, fmt.Errorf("%s=%q is not a descriptor", successorVariable, text)
	}
	p := &Predecessor{conn: inherited(fd, "predecessor"), gone: make(chan struct{})}
	p.Secrets, err = inheritedSecrets()
	return p, err
}

// Ready tells the predecessor that this process serves all sockets; that one ends then.
func (p *Predecessor) Ready() {
	if p == nil {
		return
	}
	_, _ = p.conn.Write([]byte{1}) // if that fails it has ended
	go func() {
		_ = p.conn.SetReadDeadline(time.Now().Add(releaseTime))
		_, _ = p.conn.Read(make([]byte, 1)) // until it closes its end
		_ = p.conn.Close()
		close(p.gone)
	}()
}
