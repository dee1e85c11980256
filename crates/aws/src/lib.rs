//! The ports on the AWS SDK: the only crate that names aws-sdk-*.
