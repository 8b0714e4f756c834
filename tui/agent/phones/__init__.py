"""The phones that an agent may speak with: PJSIP's, pyVoIP's, or one on the desk."""
