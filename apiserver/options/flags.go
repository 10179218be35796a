// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
)

func (o *Options) addStoreFlags(flags *pflag.FlagSet) {
	s := &o.config.Store
	flags.StringVar(&o.DataDir, "data-dir", o.DataDir, "Directory for the embedded etcd and for certificates that the server makes itself.")
	flags.StringSliceVar(&o.EtcdServers, "etcd-servers", o.EtcdServers, "Addresses (scheme://ip:port) of an etcd cluster. When empty, an etcd within the API server keeps its data in --data-dir.")
	flags.StringVar(&s.CertFile, "etcd-certfile", s.CertFile, "Client certificate for --etcd-servers.")
	flags.StringVar(&s.KeyFile, "etcd-keyfile", s.KeyFile, "Key of --etcd-certfile.")
	flags.StringVar(&s.CAFile, "etcd-cafile", s.CAFile, "Certificate authority of --etcd-servers.")
	flags.StringVar(&s.Prefix, "etcd-prefix", s.Prefix, "What comes before all keys in etcd.")
	flags.DurationVar(&s.CompactionInterval, "etcd-compaction-interval", s.CompactionInterval, "How often old versions of objects are given up; 0 leaves that to others.")
	flags.Int64Var(&s.Embedded.QuotaBytes, "etcd-quota-backend-bytes", s.Embedded.QuotaBytes, "How much the embedded etcd may hold. Objects can't be made then, and can be deleted.")
	flags.StringVar(&o.EtcdListenClientURL, "etcd-listen-client-url", o.EtcdListenClientURL, "Address at which the embedded etcd can also be reached by etcdctl, without authentication. Loopback only.")
	flags.BoolVar(&s.Embedded.UnsafeNoFsync, "unsafe-no-fsync", s.Embedded.UnsafeNoFsync, "Let the embedded etcd answer before its data is on the disk. For tests.")
	flags.IntVar(&s.DeleteCollectionWorkers, "delete-collection-workers", s.DeleteCollectionWorkers, "How many items of a deletecollection are deleted at the same time.")
	flags.Var(inverted{&s.NoWatchCache}, "watch-cache", "Answer lists and watches from memory.")
	flags.Lookup("watch-cache").NoOptDefVal = "true"
	flags.DurationVar(&o.config.EventTTL, "event-ttl", o.config.EventTTL, "How long events are kept.")
}

func (o *Options) addServingFlags(flags *pflag.FlagSet) {
	s := &o.config.Serving
	flags.IPVar(&o.BindAddress, "bind-address", o.BindAddress, "Address for HTTPS; 0.0.0.0 for all.")
	flags.IntVar(&s.Port, "secure-port", s.Port, "Port for HTTPS; 0 takes a free one.")
	flags.StringSliceVar(&s.AlsoListen, "also-listen", s.AlsoListen, "Further addresses (ip:port) for HTTPS.")
	flags.IPVar(&o.AdvertiseAddress, "advertise-address", o.AdvertiseAddress, "Address at which the members of the cluster reach this server; the one of --bind-address when empty.")
	flags.StringVar(&s.CertDir, "cert-dir", s.CertDir, "Directory for the serving certificate (apiserver.crt, apiserver.key) when --tls-cert-file is not given; made when missing.")
	flags.StringVar(&s.CertFile, "tls-cert-file", s.CertFile, "Serving certificate.")
	flags.StringVar(&s.KeyFile, "tls-private-key-file", s.KeyFile, "Key of --tls-cert-file.")
	flags.StringVar(&o.TLSMinVersion, "tls-min-version", o.TLSMinVersion, "Oldest TLS version that is spoken, such as VersionTLS12.")
	flags.StringSliceVar(&o.TLSCipherSuites, "tls-cipher-suites", o.TLSCipherSuites, "Cipher suites by Go's names; Go's choice when empty.")
	flags.IntVar(&s.InsecurePort, "insecure-port", s.InsecurePort, "Port for plain HTTP without authentication, authorization or encryption; 0 is off.")
	flags.IPVar(&o.InsecureBindAddress, "insecure-bind-address", o.InsecureBindAddress, "Address for --insecure-port.")
	flags.StringSliceVar(&s.CORSAllowedOrigins, "cors-allowed-origins", s.CORSAllowedOrigins, "Regular expressions of origins that browsers may call from.")
	flags.DurationVar(&s.WriteByteTimeout, "write-byte-timeout", s.WriteByteTimeout, "How long a client may accept no byte of its answer before it is given up; negative never.")
	flags.DurationVar(&s.ShutdownDelay, "shutdown-delay-duration", s.ShutdownDelay, "How long the server goes on, not ready, after it was told to stop.")
	flags.BoolVar(&s.Profiling, "profiling", s.Profiling, "Serve /debug/pprof.")
	l := &o.config.Limits
	flags.IntVar(&l.MaxRequestsInFlight, "max-requests-inflight", l.MaxRequestsInFlight, "Reading requests that are answered at the same time; with priority and fairness, its share of the seats.")
	flags.IntVar(&l.MaxMutatingRequestsInFlight, "max-mutating-requests-inflight", l.MaxMutatingRequestsInFlight, "Writing requests that are answered at the same time; with priority and fairness, its share of the seats.")
	flags.Var(inverted{&l.NoPriorityAndFairness}, "enable-priority-and-fairness", "Share the two limits out by FlowSchemas and PriorityLevelConfigurations, and let requests wait for their turn.")
	flags.Lookup("enable-priority-and-fairness").NoOptDefVal = "true"
	flags.DurationVar(&l.RequestTimeout, "request-timeout", l.RequestTimeout, "How long a request may take, other than watches and streams.")
	flags.Var(seconds{&l.MinRequestTimeout}, "min-request-timeout", "Seconds after which a watch may be ended.")
	flags.StringSliceVar(&o.FeatureGates, "feature-gates", o.FeatureGates, "Features of the Kubernetes libraries as Name=true|false.")
}

func (o *Options) addAuthenticationFlags(flags *pflag.FlagSet) {
	a := &o.config.Authentication
	flags.StringVar(&a.ClientCAFile, "client-ca-file", a.ClientCAFile, "Certificate authority of clients: the common name is the user, the organizations are the groups.")
	flags.StringVar(&a.TokenFile, "token-auth-file", a.TokenFile, "CSV file of token, user, uid and groups.")
	flags.BoolVar(&a.Anonymous, "anonymous-auth", a.Anonymous, "Treat requests without credentials as user system:anonymous instead of refusing them.")
	flags.StringVar(&a.ConfigFile, "authentication-config", a.ConfigFile, "File of kind AuthenticationConfiguration with OpenID Connect issuers.")
	flags.BoolVar(&a.BootstrapTokens, "enable-bootstrap-token-auth", a.BootstrapTokens, "Accept the tokens of secrets of type bootstrap.kubernetes.io/token in kube-system.")
	flags.StringSliceVar(&a.APIAudiences, "api-audiences", a.APIAudiences, "The server's own names in service account tokens; the issuers when empty.")
	flags.StringSliceVar(&a.ServiceAccountIssuers, "service-account-issuer", a.ServiceAccountIssuers, "Issuers of service account tokens; new ones carry the first.")
	flags.StringVar(&a.ServiceAccountSigningKeyFile, "service-account-signing-key-file", a.ServiceAccountSigningKeyFile, "Private key that signs service account tokens.")
	flags.StringSliceVar(&a.ServiceAccountKeyFiles, "service-account-key-file", a.ServiceAccountKeyFiles, "Keys that verify service account tokens.")
	flags.DurationVar(&a.ServiceAccountMaxExpiration, "service-account-max-token-expiration", a.ServiceAccountMaxExpiration, "The longest life of a service account token; 0 is without limit.")
	flags.BoolVar(&a.ServiceAccountExtend, "service-account-extend-token-expiration", a.ServiceAccountExtend, "Let the tokens of the default pod volume live for a year, with a warning after their hour.")
	flags.StringVar(&a.ServiceAccountJWKSURI, "service-account-jwks-uri", a.ServiceAccountJWKSURI, "Where others fetch the keys of service account tokens.")
	flags.BoolVar(&o.ServiceAccountLookup, "service-account-lookup", o.ServiceAccountLookup, "Always on: tokens of deleted accounts are refused.")
	r := &a.RequestHeader
	flags.StringVar(&r.ClientCAFile, "requestheader-client-ca-file", r.ClientCAFile, "Certificate authority of front proxies, whose headers say who the user is.")
	flags.StringSliceVar(&r.AllowedNames, "requestheader-allowed-names", r.AllowedNames, "Common names of front proxies; any when empty.")
	flags.StringSliceVar(&r.UsernameHeaders, "requestheader-username-headers", r.UsernameHeaders, "Headers with the user's name, such as X-Remote-User.")
	flags.StringSliceVar(&r.UIDHeaders, "requestheader-uid-headers", r.UIDHeaders, "Headers with the user's UID, such as X-Remote-Uid.")
	flags.StringSliceVar(&r.GroupHeaders, "requestheader-group-headers", r.GroupHeaders, "Headers with the user's groups, such as X-Remote-Group.")
	flags.StringSliceVar(&r.ExtraHeaderPrefixes, "requestheader-extra-headers-prefix", r.ExtraHeaderPrefixes, "Prefixes of headers with more about the user, such as X-Remote-Extra-.")
	flags.StringVar(&a.Webhook.KubeconfigFile, "authentication-token-webhook-config-file", a.Webhook.KubeconfigFile, "Kubeconfig of a server that reviews tokens.")
	flags.StringVar(&a.Webhook.Version, "authentication-token-webhook-version", a.Webhook.Version, "Version of TokenReview for that server.")
	flags.DurationVar(&a.Webhook.AllowedTTL, "authentication-token-webhook-cache-ttl", a.Webhook.AllowedTTL, "How long its answers are kept.")
	oidc := &a.OIDC
	flags.StringVar(&oidc.IssuerURL, "oidc-issuer-url", oidc.IssuerURL, "OpenID Connect issuer, an https URL.")
	flags.StringVar(&oidc.ClientID, "oidc-client-id", oidc.ClientID, "The audience of the issuer's tokens.")
	flags.StringVar(&oidc.CAFile, "oidc-ca-file", oidc.CAFile, "Certificate authority of the issuer; the host's when empty.")
	flags.StringVar(&oidc.UsernameClaim, "oidc-username-claim", oidc.UsernameClaim, "The claim with the user's name.")
	flags.StringVar(&oidc.UsernamePrefix, "oidc-username-prefix", oidc.UsernamePrefix, "What comes before the name; the issuer and # when empty, nothing when '-'.")
	flags.StringVar(&oidc.GroupsClaim, "oidc-groups-claim", oidc.GroupsClaim, "The claim with the user's groups.")
	flags.StringVar(&oidc.GroupsPrefix, "oidc-groups-prefix", oidc.GroupsPrefix, "What comes before the groups.")
	flags.StringSliceVar(&oidc.SigningAlgs, "oidc-signing-algs", oidc.SigningAlgs, "Accepted algorithms.")
	flags.Var(cliflag.NewMapStringStringNoSplit(&oidc.RequiredClaims), "oidc-required-claim", "A claim that must be there, as name=value; may be repeated.")
}

func (o *Options) addAuthorizationFlags(flags *pflag.FlagSet) {
	a := &o.config.Authorization
	flags.StringSliceVar(&a.Modes, "authorization-mode", a.Modes, "Modes in order: Node, RBAC, Webhook, AlwaysAllow, AlwaysDeny. AlwaysAllow when empty.")
	flags.StringVar(&a.ConfigFile, "authorization-config", a.ConfigFile, "File of kind AuthorizationConfiguration, in place of --authorization-mode.")
	flags.StringVar(&a.Webhook.KubeconfigFile, "authorization-webhook-config-file", a.Webhook.KubeconfigFile, "Kubeconfig of the server for mode Webhook.")
	flags.StringVar(&a.Webhook.Version, "authorization-webhook-version", a.Webhook.Version, "Version of SubjectAccessReview for that server.")
	flags.DurationVar(&a.Webhook.AllowedTTL, "authorization-webhook-cache-authorized-ttl", a.Webhook.AllowedTTL, "How long its approvals are kept.")
	flags.DurationVar(&a.Webhook.DeniedTTL, "authorization-webhook-cache-unauthorized-ttl", a.Webhook.DeniedTTL, "How long its refusals are kept.")
	d := &o.config.Admission
	flags.StringSliceVar(&d.Enable, "enable-admission-plugins", d.Enable, "Admission plugins beyond those that are on by default.")
	flags.StringSliceVar(&d.Disable, "disable-admission-plugins", d.Disable, "Admission plugins that are on by default and are not wanted.")
	flags.StringVar(&d.ConfigFile, "admission-control-config-file", d.ConfigFile, "File of kind AdmissionConfiguration.")
	t := &o.config.Audit
	flags.StringVar(&t.PolicyFile, "audit-policy-file", t.PolicyFile, "File of kind audit Policy: which requests are recorded.")
	flags.StringVar(&t.LogPath, "audit-log-path", t.LogPath, "File for the records; '-' is standard output.")
	flags.StringVar(&t.LogFormat, "audit-log-format", t.LogFormat, "json or legacy.")
	flags.IntVar(&t.LogMaxAge, "audit-log-maxage", t.LogMaxAge, "Days after which an old file is deleted.")
	flags.IntVar(&t.LogMaxBackups, "audit-log-maxbackup", t.LogMaxBackups, "Old files that are kept.")
	flags.IntVar(&t.LogMaxSize, "audit-log-maxsize", t.LogMaxSize, "Megabytes after which a new file begins.")
	flags.StringVar(&t.WebhookKubeconfigFile, "audit-webhook-config-file", t.WebhookKubeconfigFile, "Kubeconfig of a server that takes the records.")
}

func (o *Options) addClusterFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.ServiceClusterIPs, "service-cluster-ip-range", o.ServiceClusterIPs, "Range of addresses for services; two, comma separated, for both families.")
	flags.Var(&o.ServiceNodePorts, "service-node-port-range", "Range of ports for services of type NodePort.")
	k := &o.config.Kubelet
	flags.StringVar(&k.ClientCertFile, "kubelet-client-certificate", k.ClientCertFile, "Client certificate for node agents.")
	flags.StringVar(&k.ClientKeyFile, "kubelet-client-key", k.ClientKeyFile, "Key of --kubelet-client-certificate.")
	flags.StringVar(&k.CAFile, "kubelet-certificate-authority", k.CAFile, "Certificate authority of node agents; not verified when empty.")
	flags.BoolVar(&k.VerifyNodeNames, "enable-kubelet-cert-cn-validation", k.VerifyNodeNames,
		"Take only serving certificates of node agents whose common name is system:node:NAME. Needs --kubelet-certificate-authority.")
	flags.StringSliceVar(&k.AddressTypes, "kubelet-preferred-address-types", k.AddressTypes, "Kinds of node addresses in the order in which they are tried.")
	flags.DurationVar(&k.Timeout, "kubelet-timeout", k.Timeout, "How long connecting to a node agent may take.")
	flags.StringSliceVar(&o.KubeletLoopback, "kubelet-loopback-endpoints", o.KubeletLoopback,
		"Node agents on loopback of this machine, such as 127.0.0.1:10250. Loopback is not dialled otherwise, whatever a Node's status says.")
	flags.StringVar(&o.config.ProxyClientCertFile, "proxy-client-cert-file", o.config.ProxyClientCertFile, "Client certificate that the aggregator shows to the servers behind it.")
	flags.StringVar(&o.config.ProxyClientKeyFile, "proxy-client-key-file", o.config.ProxyClientKeyFile, "Key of --proxy-client-cert-file.")
	flags.BoolVar(&o.config.AggregatorRouting, "enable-aggregator-routing", o.config.AggregatorRouting, "Send requests for aggregated APIs to endpoints rather than cluster addresses.")
}
