// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net"
	"net/netip"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apis/kind"
	"coxswain.dev/coxswain/apiserver/etcd"
)

// Config is everything that a Server depends on. Files are read when it starts.
type Config struct {
	// Groups are the built-in groups; nil means apis.Groups().
	Groups []kind.Group
	// Clock is for ages, tokens and leases; nil means the real one.
	Clock clock.WithTicker

	Store          StoreConfig
	Serving        ServingConfig
	Authentication AuthenticationConfig
	Authorization  AuthorizationConfig
	Admission      AdmissionConfig
	Audit          AuditConfig
	Services       ServicesConfig
	Kubelet        KubeletConfig
	Limits         LimitsConfig

	// ProxyClientCertFile and ProxyClientKeyFile are how the aggregator shows itself to the servers behind it.
	ProxyClientCertFile, ProxyClientKeyFile string
	// AggregatorRouting sends requests for aggregated APIs to endpoints instead of cluster addresses, for API servers
	// that run where no proxy does.
	AggregatorRouting bool
	// EventTTL is how long events live; zero means an hour.
	EventTTL time.Duration
}

// StoreConfig says where objects are kept: in an etcd of our own, or in a cluster when Servers is set.
type StoreConfig struct {
	Embedded etcd.Config
	Servers  []string
	// CertFile, KeyFile and CAFile are for connections to Servers.
	CertFile, KeyFile, CAFile string
	// Prefix comes before all keys; empty means /registry.
	Prefix string
	// CompactionInterval is how often old versions of objects are given up; zero means 5 minutes, negative never (an
	// embedded etcd gives them up by size all the same).
	CompactionInterval time.Duration
	// NoWatchCache answers every list and watch from etcd.
	NoWatchCache bool
	// DeleteCollectionWorkers delete the items of a deletecollection at the same time; zero means one.
	DeleteCollectionWorkers int
}

// ServingConfig says where and as whom the server listens.
type ServingConfig struct {
	// BindAddress and Port are for HTTPS; port 0 takes a free one. Nil means every address.
	BindAddress net.IP
	Port        int
	// AlsoListen are further addresses ("ip:port") for HTTPS.
	AlsoListen []string
	// CertFile and KeyFile are the serving certificate; when empty, a self-signed pair is kept in CertDir.
	CertFile, KeyFile, CertDir string
	// AdvertiseAddress is where the members of the cluster reach this server; nil means BindAddress, or the address of
	// the default route when that is unspecified.
	AdvertiseAddress net.IP
	// AdvertisePort is the port at AdvertiseAddress; zero means Port.
	AdvertisePort int
	// InsecurePort, when not 0, also listens for plain HTTP on InsecureBindAddress (nil means loopback), where nobody
	// is authenticated and everybody may do everything.
	InsecurePort        int
	InsecureBindAddress net.IP
	// MinTLSVersion and CipherSuites are as in crypto/tls; zero means its defaults.
	MinTLSVersion uint16
	CipherSuites  []uint16
	// WriteByteTimeout is how long a client may accept no byte of what is being sent to it before it is given up: its
	// connection, or its stream of HTTP/2. Hijacked connections (exec, attach, port-forward) are exempt. Zero means 30 s,
	// negative never.
	WriteByteTimeout time.Duration
	// ShutdownDelay is how long the server still serves, but is not ready, after it was told to stop.
	ShutdownDelay time.Duration
	// CORSAllowedOrigins are regular expressions.
	CORSAllowedOrigins []string
	// Profiling serves /debug/pprof.
	Profiling bool
}

// AuthenticationConfig says whom the server believes.
type AuthenticationConfig struct {
	ClientCAFile    string
	TokenFile       string
	ConfigFile      string
	Anonymous       bool
	BootstrapTokens bool

	RequestHeader RequestHeaderConfig
	OIDC          OIDCConfig
	Webhook       WebhookConfig

	// ServiceAccountIssuers are the accepted issuers of service account tokens; new tokens carry the first.
	ServiceAccountIssuers        []string
	ServiceAccountSigningKeyFile string
	// ServiceAccountKeyFiles verify tokens, besides the signing key.
	ServiceAccountKeyFiles      []string
	ServiceAccountMaxExpiration time.Duration
	ServiceAccountExtend        bool
	ServiceAccountJWKSURI       string
	// APIAudiences are the server's own names in tokens; nil means the issuers.
	APIAudiences []string
}

// RequestHeaderConfig trusts the headers of a front proxy.
type RequestHeaderConfig struct {
	ClientCAFile        string
	AllowedNames        []string
	UsernameHeaders     []string
	UIDHeaders          []string
	GroupHeaders        []string
	ExtraHeaderPrefixes []string
}

// OIDCConfig is one OpenID Connect issuer given by flags; off when IssuerURL is empty.
type OIDCConfig struct {
	IssuerURL, ClientID, CAFile   string
	UsernameClaim, UsernamePrefix string
	GroupsClaim, GroupsPrefix     string
	SigningAlgs                   []string
	RequiredClaims                map[string]string
}

// WebhookConfig is a webhook that reviews tokens or access; off when KubeconfigFile is empty.
type WebhookConfig struct {
	KubeconfigFile, Version string
	// AllowedTTL and DeniedTTL are how long answers are kept.
	AllowedTTL, DeniedTTL time.Duration
}

// AuthorizationConfig says who may do what.
type AuthorizationConfig struct {
	// Modes are asked in order; nil means AlwaysAllow.
	Modes      []string
	ConfigFile string
	Webhook    WebhookConfig
}

// AdmissionConfig changes the set of admission plugins that are on by default.
type AdmissionConfig struct {
	Enable, Disable []string
	ConfigFile      string
}

// AuditConfig says which requests are recorded where; off when PolicyFile is empty.
type AuditConfig struct {
	PolicyFile string
	// LogPath is a file, or "-" for standard output.
	LogPath, LogFormat                   string
	LogMaxAge, LogMaxBackups, LogMaxSize int
	WebhookKubeconfigFile                string
}

// ServicesConfig is what services are allocated from.
type ServicesConfig struct {
	// CIDRs are one range, or two of different families.
	CIDRs     []netip.Prefix
	NodePorts utilnet.PortRange
}

// KubeletConfig says how the server connects to node agents, for logs, exec and the like.
type KubeletConfig struct {
	ClientCertFile, ClientKeyFile, CAFile string
	// AddressTypes are tried in order.
	AddressTypes []string
	Timeout      time.Duration
	// VerifyNodeNames takes only serving certificates whose common name is system:node: and the name of the node. It needs
	// CAFile.
	VerifyNodeNames bool
	// LoopbackEndpoints are the node agents that listen on loopback of this machine. Nothing else on loopback is ever
	// dialled, whatever a Node's status says; nil for none.
	LoopbackEndpoints []netip.AddrPort
}

// LimitsConfig bounds what clients can ask for.
type LimitsConfig struct {
	// MaxRequestsInFlight and MaxMutatingRequestsInFlight add up to what priority and fairness shares out; without it, they
	// are the limits for requests that read and that write. Zero means 400 and 200.
	MaxRequestsInFlight, MaxMutatingRequestsInFlight int
	// NoPriorityAndFairness turns requests away at the two limits, whoever sends them.
	NoPriorityAndFairness bool

	RequestTimeout time.Duration
	// MinRequestTimeout is the least time after which a watch is ended.
	MinRequestTimeout time.Duration
	// ListBytes is the memory that big lists may take together while they are answered (see package listbudget); zero
	// means 32 MB a processor, 64 MB at least.
	ListBytes int64
}
