package routes

import (
	"context"

	"github.com/vishvananda/netlink"
)

// subscribe has the kernel report changes of links, addresses and routes; nil where it does not. An
// event is no more than a hint to look, so that a routing daemon with a million routes costs no
// more than a look now and then. Routes to private networks are counted: no look would see them.
func subscribe(ctx context.Context) *feed {
	f := &feed{events: make(chan struct{}, 1)}
	links := make(chan netlink.LinkUpdate)
	addrs := make(chan netlink.AddrUpdate)
	routes := make(chan netlink.RouteUpdate)
	ignore := func(error) {} // polling sees what was lost
	if netlink.LinkSubscribeWithOptions(links, ctx.Done(),
		netlink.LinkSubscribeOptions{ErrorCallback: ignore}) != nil ||
		netlink.AddrSubscribeWithOptions(addrs, ctx.Done(),
			netlink.AddrSubscribeOptions{ErrorCallback: ignore}) != nil ||
		netlink.RouteSubscribeWithOptions(routes, ctx.Done(),
			netlink.RouteSubscribeOptions{ErrorCallback: ignore}) != nil {
		return nil
	}
	go func() {
		for open := true; open; {
			select {
			case _, open = <-links:
			case _, open = <-addrs:
			case r, more := <-routes:
				if open = more; r.Dst != nil && r.Dst.IP.IsPrivate() {
					f.near.Add(1)
				}
			case <-ctx.Done():
				open = false
			}
			f.told.Store(true)
			select {
			case f.events <- struct{}{}:
			default:
			}
		}
	}()
	return f
}
