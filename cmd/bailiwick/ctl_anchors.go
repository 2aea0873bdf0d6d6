package main

import (
	"github.com/spf13/cobra"
)

// anchors are the commands about trust anchors.
func (c *ctl) anchors() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "anchors",
		Short: "Show and manage the keys of zones with trust anchors (RFC 5011)",
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "Show the keys with their states, and when their zones are asked again",
		Long: "Show the keys of the zones with trust anchors. A key is pending (new, and not " +
			"trusted for the time that is left), valid, missing (trusted, and not in the zone at " +
			"the moment), revoked or removed; an anchor that is configured and has no key in the " +
			"zone so far is called configured.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"show", "status"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "anchors")
		},
	}, &cobra.Command{
		Use:               "refresh",
		Short:             "Ask the zones for their keys now",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "anchors refresh")
		},
	}, &cobra.Command{
		Use:   "reset ZONE",
		Short: "Go back to the configured anchors of a zone",
		Long: "Go back to the configured anchors of a zone. They are trusted, even " +
			"if their keys were revoked; keys that were accepted since are not, before their " +
			"time has passed again.",
		Args:              cobra.ExactArgs(1),
		SuggestFor:        []string{"forget", "clear", "flush"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd, "anchors reset", "zone", args[0])
		},
	})
	return cmd
}
