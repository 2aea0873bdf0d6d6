// The control socket: commands from `bailiwick ctl`, for whoever may open the socket.

package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// Request is a command.
type Request struct {
	Command string        `json:"command"` // status, flush, reload, clock
	Name    string        `json:"name,omitempty"`
	Subtree bool          `json:"subtree,omitempty"`
	Advance time.Duration `json:"advance,omitempty"`
}

// response is the result of a command.
type response struct {
	Error string         `json:"error,omitempty"`
	Data  map[string]any `json:"data,omitempty"`
}

// Controls are what commands can do.
type Controls struct {
	Status func() map[string]any
	// Flush removes a name, and the delegation, DS and keys of its zone, from the caches.
	Flush func(name wire.Name, subtree bool) Flushed
	// Reload reads the configuration again, and returns the result.
	Reload func() (map[string]any, error)
	// Advance moves the clock; nil in builds without the tag testclock.
	Advance func(time.Duration)
}

// Flushed counts removed entries.
type Flushed struct {
	Name   int       // of the name, and of those below it if that was asked for
	Zone   wire.Name // that the name is in, as far as is known
	OfZone int       // of the zone's delegation, DS and keys
}

// report returns the reply to a flush. It has a note if nothing was known: most often the name is
// mistyped.
func (f Flushed) report(name wire.Name) map[string]any {
	r := map[string]any{"flushed": f.Name}
	if f.OfZone > 0 {
		r["zone"], r["zone_flushed"] = f.Zone.String(), f.OfZone
	}
	if f.Name == 0 {
		r["note"] = "nothing was known of " + name.String() + "; is it the name that you mean?"
	}
	return r
}

// Control is the socket's listener.
type Control struct {
	l    net.Listener
	path string
	c    Controls
	g    *guard.Guard
}

// ListenControl opens the socket, for its owner only. The socket of a server that has ended is
// replaced.
func ListenControl(path string, c Controls, g *guard.Guard) (*Control, error) {
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("control socket %s: another server is using it", path)
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(path) // if that fails, so does listening, with the reason
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return &Control{l, path, c, g}, nil
}

// Start serves until Close.
func (c *Control) Start() {
	go func() {
		for {
			conn, err := c.l.Accept()
			if err != nil {
				return
			}
			go c.g.Run(guard.Control, func() { c.serve(conn) })
		}
	}()
}

// Path returns the path of the socket.
func (c *Control) Path() string { return c.path }

// Close ends the listener and removes the socket.
func (c *Control) Close() error { return c.l.Close() }

func (c *Control) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	var req Request
	if err := json.NewDecoder(conn).Decode(&req); err != nil {
		return
	}
	var data map[string]any
	err := errors.New(cause.InternalError.Text()) // if there is no other
	c.g.Run(guard.Control, func() { data, err = c.do(req) })
	r := response{Data: data}
	if err != nil {
		r.Error = err.Error()
	}
	_ = json.NewEncoder(conn).Encode(r) // if that fails, the caller has gone
}

func (c *Control) do(r Request) (map[string]any, error) {
	switch r.Command {
	case "status":
		return c.c.Status(), nil
	case "flush":
		n, err := wire.ParseName(r.Name)
		if err != nil {
			return nil, fmt.Errorf("name %q: %w", r.Name, err)
		}
		return c.c.Flush(n, r.Subtree).report(n), nil
	case "reload":
		return c.c.Reload()
	case "clock":
		if c.c.Advance == nil {
			return nil, errors.New("the clock moves only in builds with the tag testclock")
		}
		if r.Advance < 0 {
			return nil, errors.New("the clock moves forward only")
		}
		c.c.Advance(r.Advance)
		return nil, nil
	}
	return nil, fmt.Errorf("unknown command %q", r.Command)
}

// unreachable returns an error with the reason why there is no answer at a socket.
func unreachable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("control socket %s: permission denied: it is for the user that the "+
			"server "+
			"runs as, and for root", path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no control socket at %s (is the server running, and is this its "+
			"control.socket?)", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody listens at control socket %s (is the server running?)", path)
	}
	return fmt.Errorf("control socket %s: %w", path, err)
}

// Call sends a command to a server's socket.
func Call(path string, r Request) (map[string]any, error) {
	conn, err := net.DialTimeout("unix", path, controlTimeout)
	if err != nil {
		return nil, unreachable(path, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(controlTimeout))
	if err := json.NewEncoder(conn).Encode(r); err != nil {
		return nil, err
	}
	var reply response
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	if reply.Error != "" {
		return nil, errors.New(reply.Error)
	}
	return reply.Data, nil
}
