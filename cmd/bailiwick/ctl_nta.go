package main

import (
	"strconv"

	"github.com/spf13/cobra"
)

// nta is the group of commands about negative trust anchors.
func (c *ctl) nta() *cobra.Command {
	cmd := &cobra.Command{Use: "nta",
		Short: "Switch validation off for a broken zone for a while (RFC 7646)"}
	var reason, owner, lifetime string
	var force bool
	add := &cobra.Command{
		Use:   "add ZONE",
		Short: "Add a negative trust anchor, or renew one",
		Long: "Switch validation off at and below a name, for an hour or as long as --for says, " +
			"a week at most. The zone is checked every five minutes; when it validates again the " +
			"negative trust anchor is removed. It outlives reloads, and restarts if " +
			"state.directory is set.\n\nThe root and zones with a trust anchor of their own are " +
			"refused without --force. With it the negative trust anchor holds to its end, " +
			"whatever the checks find.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd, "nta add", "zone", args[0], "reason", reason, "owner", owner, "for",
				lifetime, "force", strconv.FormatBool(force))
		},
	}
	add.Flags().StringVar(&reason, "reason", "", "why, for people: a `TEXT`")
	add.Flags().StringVar(&owner, "owner", "", "who wants it: a `NAME`")
	add.Flags().StringVar(&lifetime, "for", "", "how long: a `DURATION` such as 30m or 24h")
	add.Flags().BoolVar(&force, "force", false,
		"also where it switches off a trust anchor; and keep it to its end")
	cmd.AddCommand(add, &cobra.Command{
		Use:               "list",
		Short:             "Show the negative trust anchors, and what the last checks found",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "nta list")
		},
	}, &cobra.Command{
		Use:               "remove ZONE",
		Short:             "Remove a negative trust anchor, and what it admitted",
		Args:              cobra.ExactArgs(1),
		SuggestFor:        []string{"delete", "clear", "del", "rm"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd, "nta remove", "zone", args[0])
		},
	})
	return cmd
}
