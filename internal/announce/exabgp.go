// ExaBGP, which reads lines from the standard output of a process that it has started.

package announce

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
)

// ExaBGP announces routes by the text form of ExaBGP's API, versions 4 and 5.
type ExaBGP struct {
	Routes      []netip.Prefix
	NextHop     string   // an address, or self
	Communities []string // of all announcements
	Med         int      // of routes that are not lowered; -1: none

	lines chan string
	acks  chan string
	gone  chan struct{} // closed when ExaBGP has ended
}

// graceful is the community of routes that are to be used if there is no other (RFC 8326).
const graceful = "65535:0"

// Open begins to talk to an ExaBGP. Its replies are read at all times: one that cannot write them
// stands still.
func (e *ExaBGP) Open(in io.Reader, out io.Writer) error {
	if len(e.Routes) == 0 || len(e.Routes) > maxRoutes {
		return fmt.Errorf("%d routes: there have to be 1 to %d", len(e.Routes), maxRoutes)
	}
	e.lines, e.acks = make(chan string), make(chan string, 2*maxRoutes)
	e.gone = make(chan struct{})
	go func() {
		for {
			select {
			case text := <-e.lines:
				_, _ = io.WriteString(out, text) // if it has ended that is seen below
			case <-e.gone:
				return
			}
		}
	}()
	go func() {
		defer close(e.gone)
		lines := bufio.NewReaderSize(in, maxReply)
		for {
			line, _, err := lines.ReadLine()
			if err != nil {
				return
			}
			select {
			case e.acks <- string(line):
			default: // nobody has asked for so many
			}
		}
	}()
	return nil
}

// Gone is closed when ExaBGP has ended.
func (e *ExaBGP) Gone() <-chan struct{} { return e.gone }

// Line returns the line that has a route be in a place.
func (e *ExaBGP) Line(route netip.Prefix, to Place) string {
	if to == Withdrawn {
		return fmt.Sprintf("withdraw route %v next-hop %s", route, e.NextHop)
	}
	line, communities := fmt.Sprintf("announce route %v next-hop %s", route, e.NextHop),
		e.Communities
	if to == Lowered {
		communities = append(communities[:len(communities):len(communities)], graceful)
	}
	if e.Med >= 0 && to == Announced {
		line += fmt.Sprintf(" med %d", e.Med)
	}
	if len(communities) > 0 {
		line += " community [ " + strings.Join(communities, " ") + " ]"
	}
	return line
}

// errUnconfirmed is the error of a daemon that was told something, and has not confirmed it.
var errUnconfirmed = fmt.Errorf("ExaBGP has not confirmed within %v (is exabgp.api.ack off?)",
	ackTime)

// Put has all routes be in a place, and waits until ExaBGP has confirmed it.
func (e *ExaBGP) Put(ctx context.Context, to Place) error {
	for len(e.acks) > 0 {
		<-e.acks // of lines that were given up
	}
	var text strings.Builder
	for _, r := range e.Routes {
		text.WriteString(e.Line(r, to) + "\n")
	}
	late := time.NewTimer(ackTime)
	defer late.Stop()
	select {
	case e.lines <- text.String():
	case <-late.C: // one that does not read must not stop the checks
		return errors.New("ExaBGP does not read")
	case <-e.gone:
		return errGone
	}
	for done := 0; done < len(e.Routes); {
		select {
		case line := <-e.acks:
			switch line = strings.TrimSpace(line); {
			case line == "done":
				done++
			case strings.HasPrefix(line, "error"):
				return errors.New("ExaBGP has refused a line: see its log")
			}
		case <-late.C:
			return errUnconfirmed
		case <-e.gone:
			return errGone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
