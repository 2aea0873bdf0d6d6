package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/internal/snapshot"
	"bailiwick/internal/state"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// anchorOptions are what the commands about trust anchors share.
type anchorOptions struct {
	file, url, ca, output string
	fetch                 bool
}

func anchorCommand() *cobra.Command {
	o := &anchorOptions{}
	cmd := &cobra.Command{Use: "anchor", Short: "Show, compare and download trust anchors",
		Long: "Show, compare and download trust anchors. What a running server knows of their " +
			"keys is shown by bailiwick ctl anchors list."}
	cmd.PersistentFlags().StringVarP(&o.file, "config", "c", "", "configuration `FILE`")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	show := &cobra.Command{
		Use:               "show",
		Short:             "Show the trust anchors of a configuration, and where they come from",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"list", "print"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.show(cmd) },
	}
	fetch := &cobra.Command{
		Use:   "fetch",
		Short: "Download the root's trust anchors from IANA, verify and print them (RFC 9718)",
		Long: "Download the root's trust anchors and their signature, verify it with ICANN's " +
			"certificate, which is built in, and print the anchors that are valid today as DS " +
			"records, or write them to a file for trust_anchors.file. Names are resolved as this " +
			"machine does it: where that is a server whose anchors are too old, ask another one.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"download", "get", "update"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.print(cmd) },
	}
	fetch.Flags().StringVarP(&o.output, "output", "o", "", "write the records to `FILE`")
	check := &cobra.Command{
		Use:   "check",
		Short: "Compare the sources of trust anchors with each other",
		Long: "Compare the sources of trust anchors with each other: the built-in ones, the " +
			"records and the file of the configuration, and, with --fetch, IANA's.\n\n" +
			"Exit status: 0 they agree; 1 they do not.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"compare", "verify"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.check(cmd) },
	}
	check.Flags().BoolVar(&o.fetch, "fetch", false, "download IANA's and compare these too")
	for _, c := range []*cobra.Command{fetch, check} {
		c.Flags().StringVar(&o.url, "url", "", "`URL` of the document, in place of "+
			"trust_anchors.url")
		c.Flags().StringVar(&o.ca, "ca", "", "PEM `FILE` of the certificates that sign it, in "+
			"place of trust_anchors.ca")
	}
	cmd.AddCommand(show, fetch, check)
	return cmd
}

// show prints the trust anchors of the configuration.
func (o *anchorOptions) show(cmd *cobra.Command) error {
	sources, err := o.sources(cmd)
	if err != nil {
		return err
	}
	return printAnchors(cmd.OutOrStdout(), sources)
}

// print downloads the root's trust anchors, and prints or writes them.
func (o *anchorOptions) print(cmd *cobra.Command) error {
	set, err := o.download(cmd)
	if err != nil {
		return err
	}
	if o.output == "" {
		return writeAnchors(cmd.OutOrStdout(), set)
	}
	return state.Replace(o.output, 0o644, func(f *os.File) error {
		return writeAnchors(f, set)
	})
}

// check compares the sources of trust anchors.
func (o *anchorOptions) check(cmd *cobra.Command) error {
	sources, err := o.sources(cmd)
	if err != nil {
		return err
	}
	if o.fetch {
		set, err := o.download(cmd)
		if err != nil {
			return err
		}
		sources = append(sources, trustanchor.Source{Name: "IANA", Set: set})
	}
	found := trustanchor.Disagreements(sources, nil)
	for _, f := range found {
		fmt.Fprintln(cmd.OutOrStdout(), f)
	}
	if len(found) > 0 {
		return &exitError{errors.New("the sources of trust anchors disagree"), 1}
	}
	fmt.Fprintln(cmd.OutOrStdout(), "the sources of trust anchors agree")
	return nil
}

// configured reads the configuration.
func (o *anchorOptions) configured(cmd *cobra.Command) (*config.Config, error) {
	cfg, found := readConfig(o.file)
	if err := refuse(cmd.ErrOrStderr(), o.file, found.Errors()); err != nil {
		return nil, err
	}
	return cfg, nil
}

// sources loads the trust anchors of the configuration.
func (o *anchorOptions) sources(cmd *cobra.Command) ([]trustanchor.Source, error) {
	cfg, err := o.configured(cmd)
	if err != nil {
		return nil, err
	}
	p, found := snapshot.Load(cfg)
	if err := refuse(cmd.ErrOrStderr(), o.file, found.Errors()); err != nil {
		return nil, err
	}
	return p.Sources, nil
}

// download downloads the root's anchors, and returns those that are valid now.
func (o *anchorOptions) download(cmd *cobra.Command) (*trustanchor.Set, error) {
	cfg, err := o.configured(cmd)
	if err != nil {
		return nil, err
	}
	c := cfg.Anchors
	if o.url != "" {
		c.URL = o.url
	}
	if o.ca != "" {
		c.CA = o.ca
	}
	roots, err := snapshot.AnchorRoots(c.CA)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	document, err := trustanchor.Download(cmd.Context(), http.DefaultClient, c.URL, roots, now)
	if err != nil {
		return nil, err
	}
	all, err := trustanchor.ReadPublished(document)
	if err != nil {
		return nil, err
	}
	return trustanchor.InUse(all, now)
}

// eachAnchor visits the anchors of a set, by zone.
func eachAnchor(set *trustanchor.Set, visit func(zone wire.Name, ds wire.DS)) {
	for _, zone := range set.Zones() {
		all, _ := set.At(zone)
		for d := range all.Data.All() {
			if ds, err := wire.ParseDS(d); err == nil {
				visit(zone, ds)
			}
		}
	}
}

// printAnchors prints the anchors of sources as a table.
func printAnchors(w io.Writer, sources []trustanchor.Source) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SOURCE\tZONE\tKEY\tALGORITHM\tDIGEST TYPE\tDIGEST")
	for _, s := range sources {
		eachAnchor(s.Set, func(zone wire.Name, ds wire.DS) {
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%X\n", s.Name, zone, ds.KeyTag, ds.Algorithm,
				ds.Digest, ds.Hash)
		})
	}
	return t.Flush()
}

// writeAnchors writes anchors as records in zone-file form.
func writeAnchors(w io.Writer, set *trustanchor.Set) error {
	var b strings.Builder
	eachAnchor(set, func(zone wire.Name, ds wire.DS) {
		fmt.Fprintf(&b, "%s IN DS %d %d %d %X\n", zone, ds.KeyTag, ds.Algorithm, ds.Digest,
			ds.Hash)
	})
	_, err := io.WriteString(w, b.String())
	return err
}
