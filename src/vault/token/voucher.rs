//! A token's row vouched for: who can write to the database must not be able to make a token there.

use super::super::Vault;
use crate::authz::{Token, TokenHash};
use crate::seal::Voucher;

const PURPOSE: &str = "token";

impl Vault {
    pub(super) fn vouch(&self, token: &Token, hash: &TokenHash) -> Option<Voucher> {
        self.keys.ring.vouch(self.id(), PURPOSE, &borrowed(&fields(token, hash)))
    }

    pub(super) fn vouches(&self, voucher: &Voucher, token: &Token, hash: &TokenHash) -> bool {
        self.keys.ring.vouches(voucher, self.id(), PURPOSE, &borrowed(&fields(token, hash)))
    }
}

/// All that never changes, in a fixed order, the permissions one by one.
fn fields(token: &Token, hash: &TokenHash) -> Vec<Vec<u8>> {
    let mut fields = vec![
        hash.as_bytes().to_vec(),
        token.id.as_str().into(),
        token.name.as_str().into(),
        token.description.as_str().into(),
        token.created_at.as_microsecond().to_be_bytes().to_vec(),
        token.expires_at.as_microsecond().to_be_bytes().to_vec(),
        token.creator.to_string().into(),
    ];
    fields.extend(token.permissions.iter().map(|permission| permission.to_string().into()));
    fields
}

fn borrowed(fields: &[Vec<u8>]) -> Vec<&[u8]> {
    fields.iter().map(Vec::as_slice).collect()
}
