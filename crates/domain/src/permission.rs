use serde::{Deserialize, Serialize};

/// What a member of staff is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works queues: reads, answers, marks requests.
    Agent,
    /// Watches queues and figures.
    Manager,
    /// Connects accounts, manages staff.
    Administrator,
    /// Decides data requests.
    PrivacyOfficer,
}

/// What a route or command needs. Each names exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Sync and read the conversations of one's scopes.
    ReadConversations,
    /// Write to customers.
    Reply,
    /// Claim, release, resolve and reopen conversations.
    WorkConversations,
    /// Create staff and change roles, status and passwords.
    ManageStaff,
    /// Connect and disconnect Meta accounts.
    ManageAccounts,
}

impl Permission {
    /// All of them, for tests that try each.
    pub const ALL: [Self; 5] = [
        Self::ReadConversations,
        Self::Reply,
        Self::WorkConversations,
        Self::ManageStaff,
        Self::ManageAccounts,
    ];
}

impl Role {
    /// All of them, for tests that try each.
    pub const ALL: [Self; 4] = [Self::Agent, Self::Manager, Self::Administrator, Self::PrivacyOfficer];

    /// The one table of rights. Least privilege: what is not named is refused.
    pub const fn may(self, permission: Permission) -> bool {
        use Permission::{ManageAccounts, ManageStaff, ReadConversations, Reply, WorkConversations};
        match self {
            Self::Agent | Self::Manager => {
                matches!(permission, ReadConversations | Reply | WorkConversations)
            }
            Self::Administrator => {
                matches!(
                    permission,
                    ReadConversations | Reply | WorkConversations | ManageStaff | ManageAccounts
                )
            }
            Self::PrivacyOfficer => matches!(permission, ReadConversations),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_administrators_manage_staff_and_accounts() {
        for role in Role::ALL {
            let manages = role.may(Permission::ManageStaff) || role.may(Permission::ManageAccounts);
            assert_eq!(manages, role == Role::Administrator, "{role:?}");
        }
    }

    #[test]
    fn the_privacy_officer_reads_and_does_not_write_to_customers() {
        assert!(Role::PrivacyOfficer.may(Permission::ReadConversations));
        assert!(!Role::PrivacyOfficer.may(Permission::Reply));
    }
}
