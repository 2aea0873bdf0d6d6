// What the doctor says of the zones of networks: the server that runs knows.

package main

import (
	"fmt"
	"os"

	"bailiwick/internal/console"
)

// maxZonesTold is how many zones of networks the doctor names: eight networks may have 32 each.
const maxZonesTold = 16

// networkPath returns a line for each zone that a network has announced, as the server that runs
// judges it: forwarded there, or refused and why. Without a server that this user may ask there is
// none.
func networkPath(socket string) (lines []string) {
	if _, err := os.Stat(socket); err != nil {
		return nil
	}
	r, err := console.Call(socket, console.Request{Command: "network list"}, nil)
	if err != nil {
		return nil
	}
	for i, row := range r.Rows {
		if i == maxZonesTold {
			return append(lines, fmt.Sprintf("zones of networks: %d more (bailiwick ctl network "+
				"list)", len(r.Rows)-i))
		}
		of := map[string]string{}
		for c, v := range row {
			if c < len(r.Columns) {
				of[r.Columns[c]] = readable(v)
			}
		}
		verdict := of["verdict"]
		if verdict == "forwarded" {
			verdict += " to " + of["servers"]
		}
		name := ""
		if of["network"] != "-" {
			name = " (" + of["network"] + ")"
		}
		lines = append(lines, fmt.Sprintf("zone %s of the network of %s%s: %s, as %s", of["zone"],
			of["interface"], name, verdict, of["reason"]))
	}
	return lines
}
