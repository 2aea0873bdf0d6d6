// The interfaces whose packets are taken before the kernel's network stack has them.

package main

import (
	"fmt"

	"bailiwick/internal/confine"
	"bailiwick/transport"
)

// openXDP takes the packets of the interfaces of the configuration, or takes them over from the
// process before. What cannot be had is served by sockets: it is a warning.
func (r *running) openXDP() {
	for _, s := range r.cfg.XDP {
		var err error
		if r.predecessor != nil {
			err = r.xdp.Adopt(s, r.sockets.File, r.predecessor.Done())
		} else {
			err = r.xdp.Open(s)
		}
		if err != nil {
			r.log.Warn("an interface is not served by AF_XDP, but by sockets", "interface",
				s.Interface, "reason", err.Error())
		}
	}
}

// logXDP logs which interfaces are served, and how.
func (r *running) logXDP() {
	for _, s := range r.xdp.States() {
		if s.Err == nil {
			r.log.Info("an interface is served by AF_XDP", "interface", s.Interface, "mode", s.Mode,
				"queues", s.Queues, "mtu", s.MTU)
		}
		if s.Hides {
			r.log.Warn("VLAN tags do not reach AF_XDP", "interface", s.Interface, "hint",
				"the device takes them off: `ethtool -K "+s.Interface+" rxvlan off`")
		}
	}
}

// shed takes from the process what only the start has needed.
func (r *running) shed(c *confinement) {
	cfg := r.cfg
	if !isProgram || len(cfg.XDP) == 0 {
		return
	}
	if cfg.Confine.Capabilities == confine.Auto || cfg.Confine.User != "" {
		if err := confine.Shed(confine.Plan{Config: cfg.Confine}); err != nil {
			r.log.Error("capabilities of the start are still there", "error", err.Error())
		}
	}
	c.filter(cfg.Confine)
	r.confined = c.report
}

// useXDP has packets go to the listeners that are in use.
func (r *running) useXDP(listeners []listening) {
	var targets []transport.XDPTarget
	for _, l := range listeners {
		if l.protocol.Framed() {
			targets = append(targets, transport.XDPTarget{Listener: l.Listener,
				Handler: l.handler})
		}
	}
	r.xdp.Use(targets)
}

// xdpTexts tells what interfaces are like, a line for each.
func (r *running) xdpTexts() []string {
	texts := []string{}
	for _, s := range r.xdp.States() {
		text := fmt.Sprintf("%s: %s, %d queues", s.Interface, s.Mode, s.Queues)
		if s.Err != nil {
			text = fmt.Sprintf("%s: by sockets: %v", s.Interface, s.Err)
		}
		texts = append(texts, text)
	}
	return texts
}
