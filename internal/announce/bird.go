// BIRD, by its control socket.

package announce

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"bailiwick/internal/pattern"
)

// BIRD announces routes by enabling and disabling protocols of a BIRD that have them.
type BIRD struct {
	Socket    string
	Protocols []string // whose routes are announced
	Lowered   []string // whose routes are announced lowered; none: they are not lowered
}

var protocolName = pattern.New(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// Check reports what is wrong with the names of protocols: what is not a name would be another
// command.
func (b *BIRD) Check() error {
	all := append(b.Protocols[:len(b.Protocols):len(b.Protocols)], b.Lowered...)
	if len(b.Protocols) == 0 || len(all) > maxRoutes {
		return fmt.Errorf("%d protocols: there have to be 1 to %d", len(all), maxRoutes)
	}
	for _, name := range all {
		if !protocolName.In(name) || name == "all" { // which is all that BIRD has
			return fmt.Errorf("%q is not the name of a protocol", name)
		}
	}
	return nil
}

// Gone is nil: BIRD may end and come again.
func (b *BIRD) Gone() <-chan struct{} { return nil }

// commands returns what has the routes be in a place. What is to be announced is so before the rest
// is not.
func (b *BIRD) commands(to Place) (list []string) {
	on, off := []string(nil), append(b.Protocols[:len(b.Protocols):len(b.Protocols)], b.Lowered...)
	switch to {
	case Announced:
		on, off = b.Protocols, b.Lowered
	case Lowered:
		on, off = b.Lowered, b.Protocols
	}
	for _, p := range on {
		list = append(list, "enable "+p)
	}
	for _, p := range off {
		list = append(list, "disable "+p)
	}
	return list
}

// Put has all routes be in a place.
func (b *BIRD) Put(ctx context.Context, to Place) error {
	ctx, cancel := context.WithTimeout(ctx, birdTime)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", b.Socket)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	replies := bufio.NewReaderSize(c, maxReply)
	if err := birdReply(replies); err != nil {
		return err
	}
	var errs []error
	for _, command := range b.commands(to) {
		if _, err := c.Write([]byte(command + "\n")); err != nil {
			return errors.Join(append(errs, err)...)
		}
		if err := birdReply(replies); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", command, err))
		}
	}
	return errors.Join(errs...)
}

// birdReply reads a reply: lines that begin with a code of four digits and a hyphen, or with a
// space, and a last one with a code and a space. Codes from 8000 on are errors.
func birdReply(in *bufio.Reader) error {
	var failed error
	for {
		octets, more, err := in.ReadLine()
		if err != nil {
			return fmt.Errorf("BIRD has not replied: %w", err)
		}
		line := string(octets)
		if more {
			return errors.New("BIRD has replied with a line that is too long")
		}
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "+") {
			continue
		}
		if len(line) < 5 || strings.Trim(line[:4], "0123456789") != "" {
			return fmt.Errorf("BIRD has replied %.60q", line)
		}
		if line[0] >= '8' && failed == nil {
			failed = fmt.Errorf("BIRD has refused it: %.200s", strings.TrimSpace(line[5:]))
		}
		if line[4] == ' ' {
			return failed
		}
	}
}
