use deskbell_domain::Sensitive;

use super::{Graph, GraphError};
use crate::webhook::json::{flag, word};

/// What Meta says about a business phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneNumberInfo {
    /// The number as people write it.
    pub display_phone_number: Option<String>,
    /// The business's name as customers see it.
    pub verified_name: Option<String>,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    pub quality_rating: Option<String>,
    /// `VERIFIED`, `NOT_VERIFIED` or `EXPIRED`.
    pub verification: Option<String>,
    /// `STANDARD`, `HIGH` or `NOT_APPLICABLE`.
    pub throughput: Option<String>,
    /// How many customers a day it may write to first, such as `TIER_2K`.
    pub messaging_limit: Option<String>,
    /// The WhatsApp Business app uses the number too.
    pub is_on_business_app: bool,
    /// `CLOUD_API` once it is connected.
    pub platform: Option<String>,
}

/// The fields of [`PhoneNumberInfo`], as the API names them.
const FIELDS: &str = "display_phone_number,verified_name,quality_rating,code_verification_status,throughput,\
                      whatsapp_business_manager_messaging_limit,is_on_biz_app,platform_type";

impl Graph {
    /// Asks about a business phone number.
    ///
    /// # Errors
    /// As every call. To make it again does no harm.
    pub async fn phone_number(
        &self,
        token: &Sensitive<String>,
        phone_number_id: &str,
    ) -> Result<PhoneNumberInfo, GraphError> {
        let mut url = self.address(&[phone_number_id])?;
        url.query_pairs_mut().append_pair("fields", FIELDS);
        let answer = self.call(self.get(token, url)).await?;
        Ok(PhoneNumberInfo {
            display_phone_number: word(&answer, "display_phone_number"),
            verified_name: word(&answer, "verified_name"),
            quality_rating: word(&answer, "quality_rating"),
            verification: word(&answer, "code_verification_status"),
            throughput: answer.get("throughput").and_then(|throughput| word(throughput, "level")),
            messaging_limit: word(&answer, "whatsapp_business_manager_messaging_limit"),
            is_on_business_app: flag(&answer, "is_on_biz_app"),
            platform: word(&answer, "platform_type"),
        })
    }
}
