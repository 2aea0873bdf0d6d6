// Limits of what a configuration names.

package snapshot

// maxSecrets is how many secrets of cookies are accepted: the one in use, and the one before and
// after it (RFC 9018, section 5). Each costs a hash where a cookie does not fit.
const maxSecrets = 3
