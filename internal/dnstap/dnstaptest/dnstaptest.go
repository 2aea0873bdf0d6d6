// Package dnstaptest reads what package dnstap writes, for tests: by another implementation of
// Frame Streams, and by the schema's field numbers alone.
package dnstaptest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	framestream "github.com/farsightsec/golang-framestream"
	"google.golang.org/protobuf/encoding/protowire"
)

// Message is a message as a reader sees it. Numbers are those of the schema.
type Message struct {
	Identity, Version, Extra     string
	Type, Family, Protocol, HTTP uint64
	Asker, Answerer              netip.Addr
	AskerPort, AnswererPort      uint64
	Asked, Answered              time.Time
	Query, Response              []byte
	Zone                         string // in wire form
	Policy                       map[protowire.Number]string
	Fields                       map[protowire.Number]bool // of Message, that are there
}

// Decode decodes a message.
func Decode(frame []byte) (m Message, err error) {
	m.Fields = map[protowire.Number]bool{}
	var seconds, nano [2]uint64
	err = fields(frame, func(n protowire.Number, v uint64, b []byte) {
		switch n {
		case 1:
			m.Identity = string(b)
		case 2:
			m.Version = string(b)
		case 3:
			m.Extra = string(b)
		case 14:
			err = errors.Join(err, fields(b, func(n protowire.Number, v uint64, b []byte) {
				m.Fields[n] = true
				switch n {
				case 8:
					seconds[0] = v
				case 9:
					nano[0] = v
				case 12:
					seconds[1] = v
				case 13:
					nano[1] = v
				default:
					m.set(n, v, b)
				}
			}))
		}
	})
	m.Asked = time.Unix(int64(seconds[0]), int64(nano[0]))
	m.Answered = time.Unix(int64(seconds[1]), int64(nano[1]))
	return m, err
}

// set takes a field of the schema's Message.
func (m *Message) set(n protowire.Number, v uint64, b []byte) {
	switch n {
	case 1:
		m.Type = v
	case 2:
		m.Family = v
	case 3:
		m.Protocol = v
	case 4:
		m.Asker, _ = netip.AddrFromSlice(b)
	case 5:
		m.Answerer, _ = netip.AddrFromSlice(b)
	case 6:
		m.AskerPort = v
	case 7:
		m.AnswererPort = v
	case 10:
		m.Query = b
	case 11:
		m.Zone = string(b)
	case 14:
		m.Response = b
	case 15:
		m.Policy = map[protowire.Number]string{}
		_ = fields(b, func(n protowire.Number, v uint64, b []byte) {
			if m.Policy[n] = string(b); b == nil {
				m.Policy[n] = fmt.Sprint(v)
			}
		})
	case 16:
		m.HTTP = v
	}
}

// fields visits the fields of a message.
func fields(b []byte, visit func(n protowire.Number, v uint64, b []byte)) error {
	for len(b) > 0 {
		n, t, l := protowire.ConsumeTag(b)
		if l < 0 {
			return protowire.ParseError(l)
		}
		b = b[l:]
		var v uint64
		var text []byte
		switch t {
		case protowire.VarintType:
			v, l = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var w uint32
			w, l = protowire.ConsumeFixed32(b)
			v = uint64(w)
		case protowire.BytesType:
			text, l = protowire.ConsumeBytes(b)
		default:
			return fmt.Errorf("field %d is of type %d", n, t)
		}
		if l < 0 {
			return protowire.ParseError(l)
		}
		visit(n, v, text)
		b = b[l:]
	}
	return nil
}

// read reads a stream to its end, which has to be a stop frame.
func read(r *framestream.Reader, take func(Message)) error {
	room := make([]byte, 1<<18)
	for {
		n, err := r.ReadFrame(room)
		if errors.Is(err, framestream.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m, err := Decode(append([]byte(nil), room[:n]...))
		if err != nil {
			return err
		}
		take(m)
	}
}

var options = framestream.ReaderOptions{ContentTypes: [][]byte{[]byte("protobuf:dnstap.Dnstap")}}

// ReadFile returns the messages of a file.
func ReadFile(t testing.TB, path string) (list []Message) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := framestream.NewReader(f, &options)
	if err == nil {
		err = read(r, func(m Message) { list = append(list, m) })
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return list
}

// Reader is a reader of messages at a socket.
type Reader struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn // guarded by mu, as is all below
	messages []Message
	ends     int // streams that ended with a stop frame
	work     sync.WaitGroup
}

// Listen returns a reader at an address.
func Listen(t testing.TB, network, address string) *Reader {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	r := &Reader{listener: l}
	r.work.Go(r.accept)
	t.Cleanup(r.Close)
	return r
}

func (r *Reader) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.conns = append(r.conns, c)
		r.mu.Unlock()
		r.work.Go(func() { r.serve(c) })
	}
}

func (r *Reader) serve(c net.Conn) {
	defer c.Close()
	both := options
	both.Bidirectional = true
	s, err := framestream.NewReader(c, &both)
	if err != nil {
		return
	}
	err = read(s, func(m Message) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.messages = append(r.messages, m)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.ends++
	}
}

// Address returns where the reader listens.
func (r *Reader) Address() string { return r.listener.Addr().String() }

// Messages returns the messages so far, and how many streams have ended as they should.
func (r *Reader) Messages() ([]Message, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Message(nil), r.messages...), r.ends
}

// Close ends the reader as one that is killed.
func (r *Reader) Close() {
	_ = r.listener.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}
