// Readers at sockets: a Unix socket or a TCP connection, with the handshake of Frame Streams.

package dnstap

import (
	"fmt"
	"net"
	"time"

	framestream "github.com/farsightsec/golang-framestream"
)

// socket sends messages to a reader.
type socket struct {
	network, address string

	conn net.Conn      // nil: there is none
	gone chan struct{} // closed when the reader has closed the connection, or acknowledged the end
}

func newSocket(network, address string) *socket {
	return &socket{network: network, address: address}
}

// ready implements output: it connects, says what will come, waits until the reader accepts that,
// and begins the stream.
func (s *socket) ready() error {
	if s.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout(s.network, s.address, handshakeTime)
	if err != nil {
		return err
	}
	if err := handshake(conn); err != nil {
		_ = conn.Close()
		return err
	}
	gone := make(chan struct{})
	s.conn, s.gone = conn, gone
	go func() { // a reader says nothing until the end of the stream
		defer close(gone)
		var f framestream.ControlFrame
		_ = f.DecodeEscape(conn) // whatever it is, it is the end
	}()
	return nil
}

// handshake offers the stream, and begins it when the reader has accepted it.
func handshake(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return err
	}
	if _, err := conn.Write(ready); err != nil {
		return err
	}
	var accepted framestream.ControlFrame
	if err := accepted.DecodeTypeEscape(conn, framestream.CONTROL_ACCEPT); err != nil {
		return fmt.Errorf("no reader of Frame Streams: %w", err)
	}
	if _, ok := accepted.ChooseContentType([][]byte{contentType}); !ok {
		return fmt.Errorf("the reader does not take %s", contentType)
	}
	if _, err := conn.Write(start); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// write implements output.
func (s *socket) write(frames []byte) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := s.conn.Write(frames); err != nil {
		s.drop()
		return err
	}
	return nil
}

// lost implements output.
func (s *socket) lost() <-chan struct{} {
	if s.conn == nil {
		return nil
	}
	return s.gone
}

// rotate implements output: a reader has files of its own.
func (s *socket) rotate() error { return nil }

// reopen implements output: the next message opens the connection.
func (s *socket) reopen() error {
	s.close()
	return nil
}

// close implements output: it ends the stream, and waits for the reader to acknowledge that. A
// reader that is closed before may take what it has not read for lost.
func (s *socket) close() {
	if s.conn == nil {
		return
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(closeTime))
	if _, err := s.conn.Write(finish); err == nil {
		late := time.NewTimer(closeTime)
		defer late.Stop()
		select {
		case <-s.gone:
		case <-late.C:
		}
	}
	s.drop()
}

// drop closes the connection without a word.
func (s *socket) drop() {
	_ = s.conn.Close()
	<-s.gone
	s.conn = nil
}
