// The commands of ctl about servers.

package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// servers returns `ctl servers`.
func (c *ctl) servers() *cobra.Command {
	var zone, address string
	var limit int
	cmd := &cobra.Command{
		Use:   "servers",
		Short: "Show what is known of servers: round trips, faults, back-off, abilities",
		Long: "Show what is known of authoritative servers and forwarders: the round trip, how " +
			"long a reply is waited for, questions in a row without a reply, for how long the " +
			"server is backed off, whether it takes EDNS, cookies and random letter case, its " +
			"encrypted transports, and what is held against it for which zone.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"infra", "infrastructure", "dump_infra", "adb"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "servers", "zone", zone, "address", address, "limit",
				strconv.Itoa(limit))
		},
	}
	cmd.Flags().StringVar(&zone, "zone", "", "only the servers of this `ZONE`")
	cmd.Flags().StringVar(&address, "address", "", "only the server at this `ADDRESS`")
	cmd.Flags().IntVar(&limit, "limit", 100, "no more than this `NUMBER`")
	return cmd
}

// cookies is the group of commands about server cookies.
func (c *ctl) cookies() *cobra.Command {
	cmd := &cobra.Command{Use: "cookies", Short: "Change the secret of DNS cookies"}
	cmd.AddCommand(&cobra.Command{
		Use:   "renew",
		Short: "Make cookies with a new random secret; those that are out stay valid",
		Long: "Make cookies with a new random secret. Cookies that were made with the one before " +
			"are accepted for an hour, and their clients get new ones. A secret of the " +
			"configuration is changed there.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"rotate", "activate_cookie_secret", "add_cookie_secret"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "cookies renew")
		},
	})
	return cmd
}

// forwards is the group of commands about forward zones.
func (c *ctl) forwards() *cobra.Command {
	cmd := &cobra.Command{Use: "forwards",
		Short: "Show the servers of forward and stub zones, or change those of forward zones"}
	cmd.AddCommand(&cobra.Command{
		Use:               "list",
		Short:             "Show the servers with their state, round trip and last failure",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "forwards list")
		},
	}, &cobra.Command{
		Use:   "set ZONE SERVER...",
		Short: "Give a forward zone these servers, until the next reload or restart",
		Long: "Give a forward zone these servers, as 192.0.2.1, 192.0.2.1:5353 or \"192.0.2.1 " +
			"weight 3\". A zone that is there keeps its transport and all else; a new one is " +
			"asked over UDP and TCP. The next reload or restart brings back what the " +
			"configuration says.",
		Args:              cobra.MinimumNArgs(2),
		SuggestFor:        []string{"add", "forward_add"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd, "forwards set", "zone", args[0], "servers",
				strings.Join(args[1:], ","))
		},
	}, &cobra.Command{
		Use:               "remove ZONE",
		Short:             "Resolve a forward zone as any other, until the next reload or restart",
		Args:              cobra.ExactArgs(1),
		SuggestFor:        []string{"delete", "forward_remove"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd, "forwards remove", "zone", args[0])
		},
	})
	return cmd
}
