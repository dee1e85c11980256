//! What riders may choose from: products, each with the classes of vehicles that serve it and fares of its own.

use domain::fare::Tariff;
use domain::{ProductName, VehicleClasses};

/// One product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// By which riders know it.
    pub name: ProductName,
    /// Whose vehicles serve it.
    pub classes: VehicleClasses,
    /// What its rides cost.
    pub tariff: Tariff,
}

/// A market's products. It may have none: then there is nothing to choose, and any vehicle serves any ride.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Products(Vec<Product>);

/// Why products cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProductsError {
    /// Two have one name.
    #[error("found two products named {0}, expected each name once")]
    Twice(ProductName),
    /// Nobody may serve it.
    #[error("found no class of vehicles that serves {0}, expected at least one")]
    Unserved(ProductName),
}

impl Products {
    /// Products to choose from. The first is that of riders who name none.
    ///
    /// # Errors
    /// If two have one name, or no vehicle may serve one.
    pub fn new(products: Vec<Product>) -> Result<Self, ProductsError> {
        for (index, product) in products.iter().enumerate() {
            if products[..index].iter().any(|it| it.name == product.name) {
                return Err(ProductsError::Twice(product.name));
            }
            if product.classes.bits() == 0 {
                return Err(ProductsError::Unserved(product.name));
            }
        }
        Ok(Self(products))
    }

    /// The product of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Product> {
        self.0.iter().find(|product| product.name.as_str() == name)
    }

    /// The product of riders who name none.
    #[must_use]
    pub fn usual(&self) -> Option<&Product> {
        self.0.first()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Product> {
        self.0.iter()
    }
}
